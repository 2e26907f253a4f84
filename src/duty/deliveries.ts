import { AssertionFailed, explain } from "../base/index.ts";
import { type Clock, type Logger, logBug, type Transport } from "../ports/index.ts";
import { type DutyId, dutyName, type OperatorIndex, type UnixMs } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { retry } from "./retry.ts";

/** Partial signatures of one duty, as they go over the wire. */
export interface Message {
  readonly duty: DutyId;
  readonly bytes: Uint8Array;
  /** Fires when nobody needs it any more. */
  readonly signal: AbortSignal;
}

interface DeliveryContext {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly protocol: string;
  readonly log: Logger;
  /** Told of a peer that did not get a message while anybody needed it. */
  readonly onGivenUp: (to: OperatorIndex) => void;
}

interface Sent extends Message {
  /** For the first time: on a connection that breaks again and again, what is old must not go round for ever. */
  readonly at: UnixMs;
}

/**
 * Brings messages to peers: each is sent again and again until it is delivered or its signal fires, and once more when the
 * connection breaks soon afterwards. A peer that is away costs the others nothing.
 */
export class Deliveries {
  readonly #context: DeliveryContext;
  readonly #unsent = new Map<OperatorIndex, Set<AbortController>>();
  /** Written to a connection a moment ago. */
  readonly #justSent = new Map<OperatorIndex, readonly Sent[]>();

  constructor(context: DeliveryContext) {
    this.#context = context;
    // A connection that breaks takes with it what was written and not yet read; who has it already counts a duplicate.
    context.transport.onBroken((to) => {
      const again = this.#stillFresh(to);
      this.#justSent.delete(to);
      for (const { at, ...message } of again) void this.deliver(to, message, at);
    });
  }

  /** One peer, one message, until it is there. Never rejects. */
  async deliver(to: OperatorIndex, message: Message, firstSentAt?: UnixMs): Promise<void> {
    const { clock, transport, protocol, log, onGivenUp } = this.#context;
    const waiting = this.#unsent.get(to) ?? new Set();
    this.#unsent.set(to, waiting);
    const [oldest] = waiting;
    if (waiting.size >= LIMITS.unsentPerPeerMax)
      oldest?.abort(new Error("too many messages wait for this peer"));
    const givenUp = new AbortController();
    waiting.add(givenUp);
    const either = AbortSignal.any([message.signal, givenUp.signal]);
    try {
      await retry(
        clock,
        either,
        () => transport.send(to, protocol, message.bytes, either),
        (error, attempts) => {
          if (attempts === 1)
            log.debug("Partial signatures not delivered, trying again", {
              duty: dutyName(message.duty),
              peer: to,
              why: explain(error),
            });
        },
      );
      this.#justSent.set(to, [...this.#stillFresh(to), { ...message, at: firstSentAt ?? clock.now() }]);
    } catch (error) {
      if (error instanceof AssertionFailed) logBug(log, error, { duty: dutyName(message.duty), peer: to });
      onGivenUp(to);
    } finally {
      waiting.delete(givenUp);
    }
  }

  #stillFresh(to: OperatorIndex): readonly Sent[] {
    const since = this.#context.clock.now() - LIMITS.mayBeLostMs;
    const fresh = (this.#justSent.get(to) ?? []).filter(({ at, signal }) => at >= since && !signal.aborted);
    return fresh.slice(-LIMITS.unsentPerPeerMax);
  }
}
