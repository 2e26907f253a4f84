import { DvError, Turns } from "../base/index.ts";
import type { Clock, Logger, Meter, Transport } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  type DutyKind,
  dutyDeadline,
  dutyDue,
  dutyMetricName,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  type ShareIndex,
  shareIndexOf,
  slotAt,
  slotStart,
} from "../spec/index.ts";
import { BlocksRead } from "./blocks-read.ts";
import { type SignedKind, signedCodecOf } from "./codec/kinds.ts";
import { decodePartials, type EncodedPartial, encodePartials } from "./codec/sets.ts";
import { Deliveries } from "./deliveries.ts";
import { inTurns } from "./in-turns.ts";
import { LIMITS } from "./limits.ts";
import { exchangeMetrics } from "./metrics.ts";
import { isStanding, type StandingId } from "./motions.ts";
import type { Partial, PartialStore } from "./partial-store.ts";

export const PARSIGEX_PROTOCOL = "/charon/parsigex/2.0.0";

/** Proofs that nobody needs once their slot is over, although they are told apart from others for two epochs. */
const USELESS_AFTER_SLOT: ReadonlySet<DutyKind> = new Set([
  "prepare-aggregator",
  "prepare-sync-contribution",
]);

/** A message of a peer that is not kept; the transport counts it against the peer. */
export class ExchangeError extends DvError<"duty/impossible" | "duty/not-your-share" | "duty/equivocation"> {}

/** The kinds for which a script runs here; partial signatures of others would wait for nobody. */
const SCRIPTED: ReadonlySet<SignedKind | "info-sync"> = new Set([
  "attester",
  "proposer",
  "randao",
  "prepare-aggregator",
  "aggregator",
  "sync-message",
  "prepare-sync-contribution",
  "sync-contribution",
]);

export interface ExchangeContext {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly transport: Transport;
  readonly store: PartialStore;
  readonly gate: (duty: DutyId) => boolean;
  /** Whether this node may let partial signatures out; every one of them leaves through `offer`. */
  readonly maySign: (duty: DutyId) => boolean;
  readonly log: Logger;
  readonly meter: Meter;
  /** Takes what stands until enough have signed. @returns Why it was not taken. */
  readonly onStanding: (
    duty: StandingId,
    from: OperatorIndex,
    partials: readonly Partial[],
  ) => "too-many" | undefined;
  /** Told of every duty of which partial signatures came from a peer. */
  readonly onReceived: (duty: DutyId, from: OperatorIndex, groupKeys: readonly GroupKey[]) => void;
  /** Told at the deadline of a duty, while its partial signatures are still there. */
  readonly onForget: (duty: DutyId) => void;
}

/** What we have signed in a duty that is not over. */
interface Offered {
  readonly partials: Partial[];
  readonly signal: AbortSignal;
  /** Peers that were told it again. */
  readonly repeatedTo: Set<OperatorIndex>;
}

/** Partial signatures to and from the other operators. Registers the handler of Charon's exchange at once. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #metrics: ReturnType<typeof exchangeMetrics>;
  /** Duties that end at their deadline. */
  readonly #tracked = new Set<string>();
  readonly #offered = new Map<string, Offered>();
  readonly #turns: Turns<OperatorIndex>;
  readonly #blocks = new BlocksRead();
  readonly #deliveries: Deliveries;
  readonly #peers: readonly OperatorIndex[];

  constructor(context: ExchangeContext) {
    const { clock, transport, log, meter } = context;
    this.#context = context;
    this.#metrics = exchangeMetrics(meter);
    this.#turns = new Turns<OperatorIndex>((give) => clock.at(clock.now(), give));
    this.#deliveries = new Deliveries({
      clock,
      transport,
      protocol: PARSIGEX_PROTOCOL,
      log,
      onGivenUp: (to) => this.#drop(to, "not-delivered"),
    });
    const operators = Array.from({ length: transport.operatorCount }, (_, i) => i as OperatorIndex);
    this.#peers = operators.filter((peer) => peer !== transport.self);
    transport.handle(
      PARSIGEX_PROTOCOL,
      {
        messageBytesMax: LIMITS.messageBytesMax,
        messagesPerSecondMax: LIMITS.messagesPerSecondMax,
        burstMax: LIMITS.messagesBurstMax,
        receiveTimeoutMs: LIMITS.receiveTimeoutMs,
      },
      (from, bytes) => this.#receive(from, bytes),
    );
  }

  /** Keeps partial signatures of a duty until its deadline, and tells `onForget` then. */
  track(duty: DutyId): void {
    const { clock, chain, store, onForget } = this.#context;
    const name = dutyName(duty);
    const deadline = dutyDeadline(chain, duty);
    if (deadline === undefined || this.#tracked.has(name)) return;
    this.#tracked.add(name);
    clock.at(deadline, () => {
      this.#tracked.delete(name);
      this.#offered.delete(name);
      onForget(duty);
      store.forget(duty);
    });
  }

  /**
   * Sends ours to every peer, again and again until it is delivered or the signal fires, and once more when the
   * connection breaks soon afterwards. Returns at once.
   */
  offer(duty: DutyId, partials: readonly Partial[], signal: AbortSignal): void {
    const { clock, chain } = this.#context;
    this.track(duty);
    const name = dutyName(duty);
    const ours = this.#offered.get(name);
    if (ours !== undefined) ours.partials.push(...partials);
    else if (!isStanding(duty)) {
      this.#offered.set(name, { partials: [...partials], signal, repeatedTo: new Set() });
      if (USELESS_AFTER_SLOT.has(duty.kind))
        clock.at(slotStart(chain, duty.slot + 1), () => void this.#offered.delete(name));
    }
    this.#send(this.#peers, duty, partials, signal);
  }

  /** The same for one peer. */
  offerTo(peer: OperatorIndex, duty: DutyId, partials: readonly Partial[], signal: AbortSignal): void {
    this.#send([peer], duty, partials, signal);
  }

  #send(to: readonly OperatorIndex[], duty: DutyId, partials: readonly Partial[], signal: AbortSignal): void {
    if (!this.#context.maySign(duty)) return this.#drop("", "watching-for-a-double", partials.length);
    // A message has one entry per validator, so each part goes in a message of its own.
    for (const ofPart of Map.groupBy(partials, ({ part }) => part).values()) {
      const bytes = encodePartials(duty, ofPart);
      for (const peer of to) void this.#deliveries.deliver(peer, { duty, bytes, signal });
    }
  }

  /**
   * Who says the same again has restarted, and lost what we had sent: it is told again, once per duty. Without this, restarts
   * of all operators one after the other would cost the selection proofs of a whole epoch.
   */
  #repeatTo(peer: OperatorIndex, duty: DutyId): void {
    const ours = this.#offered.get(dutyName(duty));
    if (ours === undefined || ours.repeatedTo.has(peer)) return;
    ours.repeatedTo.add(peer);
    this.#send([peer], duty, ours.partials, ours.signal);
  }

  /** What a peer says again, or of validators that are not ours, is not decoded: that would cost us far more than it costs the peer. */
  async #receive(from: OperatorIndex, bytes: Uint8Array): Promise<undefined> {
    const { clock, chain, store, gate, onStanding, onReceived } = this.#context;
    const turn = (): Promise<void> => this.#turns.next(from);
    // The large messages of all peers come at once, at the same moment of a slot: each piece of them gets its own turn.
    if (bytes.length > LIMITS.readAtOnceBytesMax) await turn();
    const { duty, partials } = decodePartials(bytes);
    if (!gate(duty)) {
      const name = dutyName(duty);
      const action = `take partial signatures of ${name}, which is over or cannot be`;
      throw new ExchangeError("duty/impossible", action, { facts: { duty: name } });
    }
    if (!isStanding(duty) && !SCRIPTED.has(duty.kind)) return;
    const share = shareIndexOf(from);
    const spared = store.spare(duty, share, partials);
    const fresh = partials.filter((_, i) => spared[i] === undefined);
    if (duty.kind === "proposer" && !this.#blocks.take(from, fresh.length, slotAt(chain, clock.now()))) {
      this.#drop(from, "too-many", fresh.length);
      return;
    }
    const read = await inTurns(turn, fresh, (partial) => readPartial(chain, duty, share, partial));
    if (isStanding(duty)) {
      const why = onStanding(duty, from, read);
      if (why !== undefined) this.#drop(from, why, read.length);
      return;
    }
    this.track(duty);
    const notKept = [...spared.filter((why) => why !== undefined), ...store.add(duty, share, read)];
    for (const reason of notKept) this.#drop(from, reason);
    if (notKept.includes("duplicate")) this.#repeatTo(from, duty);
    const ours = partials.filter((_, i) => spared[i] !== "unknown-validator");
    if (notKept.length < partials.length) this.#measure(duty, from);
    onReceived(
      duty,
      from,
      ours.map(({ groupKey }) => groupKey),
    );
    if (notKept.includes("equivocation"))
      throw new ExchangeError("duty/equivocation", "take a second, different partial signature", {
        facts: { duty: dutyName(duty), peer: from },
      });
    return undefined;
  }

  #measure(duty: DutyId, from: OperatorIndex): void {
    const { clock, chain } = this.#context;
    const labels = { duty: dutyMetricName(duty.kind), peer_idx: String(from) };
    this.#metrics.stored.observe((clock.now() - dutyDue(chain, duty)) / 1000, labels);
  }

  #drop(peer: OperatorIndex | "", reason: string, count = 1): void {
    this.#metrics.dropped.add(count, { peer: String(peer), reason });
  }
}

/** Parses one partial signature of a peer. @throws when it is not what this peer could sign in this duty. */
function readPartial(chain: ChainSpec, duty: DutyId, share: ShareIndex, partial: EncodedPartial): Partial {
  const facts = { duty: dutyName(duty), share: partial.share };
  if (partial.share !== share)
    throw new ExchangeError("duty/not-your-share", "take a partial signature of another share", { facts });
  const codec = signedCodecOf(duty.kind);
  const value = codec.decode(partial.data);
  const root = codec.signingRoot(value, chain);
  const signature = codec.signature(value);
  if (root === undefined || signature.length !== 96 || codec.fits?.(value, duty, chain) === false)
    throw new ExchangeError("duty/impossible", "take a partial signature that is not of this duty", {
      facts,
    });
  return { ...partial, signature, root, part: codec.part?.(value) ?? 0 };
}
