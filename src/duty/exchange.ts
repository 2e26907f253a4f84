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
  slotStart,
} from "../spec/index.ts";
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
  readonly maySign: (kind: DutyKind) => boolean;
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

/** Partial signatures to and from the other operators. */
export interface Exchange {
  /** Keeps partial signatures of a duty until its deadline, and tells `onForget` then. */
  track(duty: DutyId): void;
  /**
   * Sends ours to every peer, again and again until it is delivered or the signal fires, and once more when the
   * connection breaks soon afterwards. Returns at once.
   */
  offer(duty: DutyId, partials: readonly Partial[], signal: AbortSignal): void;
  /** The same for one peer. */
  offerTo(peer: OperatorIndex, duty: DutyId, partials: readonly Partial[], signal: AbortSignal): void;
}

/** What we have signed in a duty that is not over. */
interface Offered {
  readonly partials: Partial[];
  readonly signal: AbortSignal;
  /** Peers that were told it again. */
  readonly repeatedTo: Set<OperatorIndex>;
}

/** Registers the handler of Charon's exchange of partial signatures. */
export function createExchange(context: ExchangeContext): Exchange {
  const { clock, chain, transport, store, gate, log, meter } = context;
  const { dropped, stored } = exchangeMetrics(meter);
  const forgetting = new Set<string>();
  const offered = new Map<string, Offered>();
  const turns = new Turns<OperatorIndex>((give) => clock.at(clock.now(), give));
  const deliveries = new Deliveries({
    clock,
    transport,
    protocol: PARSIGEX_PROTOCOL,
    log,
    onGivenUp: (to) => dropped.add(1, { peer: String(to), reason: "not-delivered" }),
  });

  /** Everything that is kept goes at its deadline. */
  function forgetInTime(duty: DutyId): void {
    const name = dutyName(duty);
    const deadline = dutyDeadline(chain, duty);
    if (deadline === undefined || forgetting.has(name)) return;
    forgetting.add(name);
    clock.at(deadline, () => {
      forgetting.delete(name);
      offered.delete(name);
      context.onForget(duty);
      store.forget(duty);
    });
  }

  /** What a peer says again, or of validators that are not ours, is not decoded: that would cost us far more than it costs the peer. */
  async function receive(from: OperatorIndex, bytes: Uint8Array): Promise<undefined> {
    const turn = (): Promise<void> => turns.next(from);
    // The large messages of all peers come at once, at the same moment of a slot: each piece of them gets its own turn.
    if (bytes.length > LIMITS.readAtOnceBytesMax) await turn();
    const { duty, partials } = decodePartials(bytes);
    if (!gate(duty))
      throw new ExchangeError(
        "duty/impossible",
        `take partial signatures of ${dutyName(duty)}, which is over or cannot be`,
        {
          facts: { duty: dutyName(duty) },
        },
      );
    if (!isStanding(duty) && !SCRIPTED.has(duty.kind)) return;
    const share = shareIndexOf(from);
    const spared = store.spare(duty, share, partials);
    const fresh = partials.filter((_, i) => spared[i] === undefined);
    const read = await inTurns(turn, fresh, (partial) => readPartial(chain, duty, share, partial));
    if (isStanding(duty)) {
      const why = context.onStanding(duty, from, read);
      if (why !== undefined) dropped.add(read.length, { peer: String(from), reason: why });
      return;
    }
    forgetInTime(duty);
    const notKept = [...spared.filter((why) => why !== undefined), ...store.add(duty, share, read)];
    for (const reason of notKept) dropped.add(1, { peer: String(from), reason });
    if (notKept.includes("duplicate")) repeatTo(from, duty);
    const intoDutyMs = clock.now() - dutyDue(chain, duty);
    if (notKept.length < partials.length)
      stored.observe(intoDutyMs / 1000, { duty: dutyMetricName(duty.kind), peer_idx: String(from) });
    context.onReceived(
      duty,
      from,
      partials.filter((_, i) => spared[i] !== "unknown-validator").map(({ groupKey }) => groupKey),
    );
    if (notKept.includes("equivocation"))
      throw new ExchangeError("duty/equivocation", "take a second, different partial signature", {
        facts: { duty: dutyName(duty), peer: from },
      });
    return undefined;
  }

  transport.handle(
    PARSIGEX_PROTOCOL,
    {
      messageBytesMax: LIMITS.messageBytesMax,
      messagesPerSecondMax: LIMITS.messagesPerSecondMax,
      burstMax: LIMITS.messagesBurstMax,
      receiveTimeoutMs: LIMITS.receiveTimeoutMs,
    },
    receive,
  );

  const peers = Array.from({ length: transport.operatorCount }, (_, i) => i as OperatorIndex).filter(
    (peer) => peer !== transport.self,
  );

  function send(
    to: readonly OperatorIndex[],
    duty: DutyId,
    partials: readonly Partial[],
    signal: AbortSignal,
  ): void {
    if (!context.maySign(duty.kind))
      return dropped.add(partials.length, { peer: "", reason: "watching-for-a-double" });
    // A message has one entry per validator, so each part goes in a message of its own.
    for (const ofPart of Map.groupBy(partials, ({ part }) => part).values()) {
      const bytes = encodePartials(duty, ofPart);
      for (const peer of to) void deliveries.deliver(peer, { duty, bytes, signal });
    }
  }

  /**
   * Who says the same again has restarted, and lost what we had sent: it is told again, once per duty. Without this, restarts
   * of all operators one after the other would cost the selection proofs of a whole epoch.
   */
  function repeatTo(peer: OperatorIndex, duty: DutyId): void {
    const ours = offered.get(dutyName(duty));
    if (ours === undefined || ours.repeatedTo.has(peer)) return;
    ours.repeatedTo.add(peer);
    send([peer], duty, ours.partials, ours.signal);
  }

  return {
    track: forgetInTime,
    offer(duty, partials, signal) {
      forgetInTime(duty);
      const name = dutyName(duty);
      const ours = offered.get(name);
      if (ours !== undefined) ours.partials.push(...partials);
      else if (!isStanding(duty)) {
        offered.set(name, { partials: [...partials], signal, repeatedTo: new Set() });
        if (USELESS_AFTER_SLOT.has(duty.kind))
          clock.at(slotStart(chain, duty.slot + 1), () => void offered.delete(name));
      }
      send(peers, duty, partials, signal);
    },
    offerTo: (peer, duty, partials, signal) => send([peer], duty, partials, signal),
  };
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
