import { DvError, equalBytes, explain, proto } from "../base/index.ts";
import { type Channels, type Clock, type Logger, sleepUntil, type Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { Attempts } from "./attempts.ts";
import { type CeremonyError, failed } from "./errors.ts";
import { ASK_AGAIN_MS, ASK_LIMITS, CHARON_PATIENCE_MS, RETRY_MS } from "./limits.ts";
import type { Mailbox } from "./mailbox.ts";
import { nameOfMessage, type Waits } from "./progress.ts";

/** Spoken among Triremes only: who are you, and please send that again. */
export const RESEND_PROTOCOL = "/trireme/dkg/1.0.0";

const Ask = proto.message({
  definitionHash: proto.bytes(1),
  attempt: proto.bytes(2),
  /** The attempt of the one who is asked, as the asking one knows it; empty when it does not. */
  yours: proto.bytes(3),
  /** The name of a message; empty for an introduction. */
  want: proto.string(4),
});
const Answer = proto.message({
  attempt: proto.bytes(1),
  found: proto.bool(2),
  message: proto.bytes(3),
  otherDefinition: proto.bool(4),
});

export interface PostNeeds {
  readonly transport: Transport;
  readonly channels: Channels;
  readonly clock: Clock;
  readonly log: Logger;
  readonly definitionHash: Uint8Array;
  readonly mailbox: Mailbox;
  readonly attempts: Attempts;
  readonly waits: Waits;
  /** This process goes on with what another one began: what a Charon sent in between is lost. */
  readonly isResumed: boolean;
  /** Whether the first step is done: from then on nobody may begin anew. */
  readonly hasBegun: () => boolean;
  readonly fail: (error: CeremonyError) => void;
}

/** What an introduction showed of a peer. */
export type Acquaintance = "trireme" | "another-program" | "another-definition" | "unreachable";

/**
 * Sends what is ours until it is through, and fetches what is missing. Charon sends each message once; among Triremes a
 * message that was lost, for instance because the process died between receiving and remembering it, is asked for again.
 */
export class Post {
  readonly #needs: PostNeeds;
  readonly #outbox = new Map<string, (to: OperatorIndex) => Uint8Array | undefined>();
  readonly #triremes = new Set<OperatorIndex>();

  /** Registers the protocol; call before the network starts. */
  constructor(needs: PostNeeds) {
    this.#needs = needs;
    needs.transport.handle(RESEND_PROTOCOL, ASK_LIMITS, (from, message) => this.#answer(from, message));
  }

  /** Operators that have answered as a Trireme does. */
  isTrireme(operator: OperatorIndex): boolean {
    return this.#triremes.has(operator);
  }

  /** Has a message of ours ready for peers who ask for it. */
  keep(id: string, message: Uint8Array | ((to: OperatorIndex) => Uint8Array | undefined)): void {
    this.#outbox.set(id, typeof message === "function" ? message : () => message);
  }

  /** Sends in the background, again and again until it was written to a connection or the signal fires. */
  send(to: OperatorIndex, protocol: string, message: Uint8Array, signal: AbortSignal): void {
    void this.#persist(
      async () => await this.#needs.transport.send(to, protocol, message, signal),
      { to, protocol },
      signal,
    ).catch(() => {}); // Only the signal ends it without success.
  }

  /** Asks until there is an answer that `read` accepts. @throws the signal's reason */
  async request<T>(
    to: OperatorIndex,
    protocol: string,
    message: Uint8Array,
    read: (answer: Uint8Array) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const answer = this.#persist(
      async () => read(await this.#needs.transport.request(to, protocol, message, signal)),
      { to, protocol },
      signal,
    );
    return await this.#needs.waits.during(to, "to confirm a message of ours", answer);
  }

  /** The message of a peer, as soon as it is there; asks a Trireme for it when it does not come. */
  async receive(from: OperatorIndex, id: string, signal: AbortSignal): Promise<Uint8Array> {
    const { mailbox } = this.#needs;
    const stop = new AbortController();
    const end = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", end, { once: true });
    try {
      const asking = this.#askFor(from, id, stop.signal);
      const arrival = mailbox.arrived.until(() => mailbox.get(from, id), signal);
      const message = await this.#needs.waits.during(from, `to send its ${nameOfMessage(id)}`, arrival);
      stop.abort(new Error("it is there"));
      await asking;
      return message;
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort(new Error("nobody waits"));
    }
  }

  /** Finds out what a peer is. */
  async introduce(to: OperatorIndex, signal: AbortSignal): Promise<Acquaintance> {
    try {
      const answer = await this.#ask(to, "", signal);
      if (answer.otherDefinition) return "another-definition";
      this.#triremes.add(to);
      return "trireme";
    } catch (error) {
      signal.throwIfAborted();
      const unknown = error instanceof DvError && error.facts["reason"] === "protocol-unknown";
      return unknown ? "another-program" : "unreachable";
    }
  }

  /** Asks a Trireme once for something that it keeps for us; undefined when it has none. @throws when it does not answer */
  async ask(from: OperatorIndex, id: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { found, message } = await this.#ask(from, id, signal);
    return found ? message : undefined;
  }

  async #askFor(from: OperatorIndex, id: string, signal: AbortSignal): Promise<void> {
    const { clock, log, mailbox, isResumed, fail } = this.#needs;
    const since = clock.now();
    try {
      for (;;) {
        await sleepUntil(clock, clock.now() + ASK_AGAIN_MS, signal);
        if (!this.#triremes.has(from)) {
          if (isResumed && clock.now() - since > CHARON_PATIENCE_MS)
            fail(
              failed(
                `operator ${from} does not send again what it sent while this node was down (Charon cannot)`,
                { operator: from },
              ),
            );
          continue;
        }
        const answer = await this.#ask(from, id, signal).catch((error: unknown) => {
          log.debug("Could not ask for a message", { operator: from, message: id, why: explain(error) });
        });
        if (answer?.found === true) await mailbox.deliver(from, id, answer.message);
      }
    } catch (error) {
      if (!signal.aborted) log.error("Asking for a message failed; this is a bug", { why: explain(error) });
    }
  }

  async #ask(to: OperatorIndex, want: string, signal: AbortSignal): Promise<proto.Infer<typeof Answer>> {
    const { transport, definitionHash, attempts } = this.#needs;
    const question = Ask.encode({ definitionHash, attempt: attempts.own, yours: attempts.of(to), want });
    const answer = Answer.decode(await transport.request(to, RESEND_PROTOCOL, question, signal));
    if (!answer.otherDefinition) await this.#checkAttempt(to, answer.attempt);
    return answer;
  }

  async #answer(from: OperatorIndex, message: Uint8Array): Promise<Uint8Array> {
    const { definitionHash, attempts } = this.#needs;
    const { want, attempt, yours, definitionHash: theirs } = Ask.decode(message);
    const answer = {
      attempt: attempts.own,
      found: false,
      message: new Uint8Array(0),
      otherDefinition: false,
    };
    if (!equalBytes(theirs, definitionHash)) return Answer.encode({ ...answer, otherDefinition: true });
    await this.#checkAttempt(from, attempt);
    this.#triremes.add(from);
    const isForUs = yours.length === 0 || equalBytes(yours, attempts.own);
    const found = isForUs ? this.#outbox.get(want)?.(from) : undefined;
    return Answer.encode(found === undefined ? answer : { ...answer, found: true, message: found });
  }

  /** A peer with another attempt than before has lost what it had. */
  async #checkAttempt(peer: OperatorIndex, attempt: Uint8Array): Promise<void> {
    const { attempts, hasBegun, fail } = this.#needs;
    if (attempt.length !== 16) throw new Error("an attempt has 16 bytes");
    if (await attempts.learn(peer, attempt)) return;
    if (hasBegun())
      fail(
        failed(`operator ${peer} has begun the ceremony anew and lost its part of this one`, {
          operator: peer,
        }),
      );
    else await attempts.relearn(peer, attempt);
  }

  async #persist<T>(
    attempt: () => Promise<T>,
    what: { readonly to: OperatorIndex; readonly protocol: string },
    signal: AbortSignal,
  ): Promise<T> {
    const { channels, clock, log, transport } = this.#needs;
    for (let failures = 0; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        const facts = { operator: what.to, protocol: what.protocol, why: explain(error) };
        if (failures === 0) log.info("A message did not get through yet; trying again", facts);
        else log.debug("A message did not get through", facts);
      }
      // Who was away gets it as soon as it is back.
      if (transport.connected().includes(what.to)) await sleepUntil(clock, clock.now() + RETRY_MS, signal);
      else await channels.untilConnected(what.to, signal);
    }
  }
}
