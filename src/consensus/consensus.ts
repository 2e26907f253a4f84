import type { NodeKey } from "../crypto/index.ts";
import type { Clock, Logger, Meter, Transport } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyDeadline,
  dutyMetricName,
  dutyName,
  type OperatorIndex,
} from "../spec/index.ts";
import { Instance, leaderOf } from "./instance.ts";
import { EARLY_INSTANCES_PER_PEER_MAX, INSTANCES_MAX, QBFT_LIMITS } from "./limits.ts";
import { PeerRoom } from "./peer-room.ts";
import { type ReceiveContext, type Refusal, receive } from "./receive.ts";
import type { Consensus, ConsensusValue, Decision } from "./types.ts";
import { hashValue, QBFT_PROTOCOL, valueName } from "./wire.ts";

export interface ConsensusOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly key: NodeKey;
  /** 33 bytes each, by operator index. */
  readonly publicKeys: readonly Uint8Array[];
  /** Whether a duty can exist: its kind is in use and its slot is near. */
  readonly admit: (duty: DutyId) => boolean;
  /** The value with its inner message deterministically encoded; undefined when it cannot be read. */
  readonly canonicalise: (value: ConsensusValue) => ConsensusValue | undefined;
  readonly log: Logger;
  readonly meter: Meter;
}

/** Signed parts remembered as verified; a slot needs a few dozen. */
const VERIFIED_MAX = 20_000;
const TIMER = "eager_dlinear";

/**
 * Runs the instances of all duties over Charon's protocol. Registers its handler at once; messages for duties we have not
 * joined wait within bounds.
 */
export function createConsensus(options: ConsensusOptions): Consensus & { stop(): void } {
  const { transport, clock, chain, meter } = options;
  const log = options.log.room("consensus");
  const instances = new Map<string, Instance>();
  /** Cancels the end of each instance's life. */
  const expiries = new Map<string, () => void>();
  /** Who opened each instance that we have not joined. */
  const openers = new Map<string, OperatorIndex>();
  const room = new PeerRoom();
  const verified = new Set<string>();
  let stopped = false;
  const stopping = new AbortController();

  const dropped = meter.counter(
    "trireme_consensus_dropped_total",
    "Messages of peers that were dropped, by reason",
    ["peer", "reason"],
  );
  const decidedRounds = meter.gauge(
    "core_consensus_decided_rounds",
    "Number of decided rounds by protocol, duty, and timer",
    ["protocol", "duty", "timer"],
  );
  const decidedLeader = meter.gauge(
    "core_consensus_decided_leader_index",
    "Index of the decided leader by protocol and duty",
    ["protocol", "duty"],
  );
  const timeouts = meter.counter(
    "core_consensus_timeout_total",
    "Total count of consensus timeouts by protocol, duty, and timer",
    ["protocol", "duty", "timer"],
  );
  const duration = meter.histogram(
    "core_consensus_duration_seconds",
    "Duration of the consensus process by protocol, duty, and timer",
    ["protocol", "duty", "timer"],
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 5],
  );

  const context: ReceiveContext = {
    publicKeys: options.publicKeys,
    admit: options.admit,
    canonicalise: options.canonicalise,
    verified,
    knownName: (duty, value) => instances.get(dutyName(duty))?.nameOf(value),
  };

  function send(duty: DutyId, kind: string, bytes: Uint8Array): void {
    for (let peer = 0; peer < transport.operatorCount; peer++) {
      if (peer === transport.self) continue;
      transport.send(peer as OperatorIndex, QBFT_PROTOCOL, bytes, stopping.signal).catch((error: unknown) => {
        log.debug("Consensus message not delivered", {
          duty: dutyName(duty),
          kind,
          peer,
          why: error instanceof Error ? error.message : "",
        });
      });
    }
  }

  /** The instance of a duty; it lives until the duty's deadline and is gone for good afterwards. */
  function instanceOf(duty: DutyId, openedBy?: OperatorIndex): Instance | undefined {
    const name = dutyName(duty);
    const known = instances.get(name);
    if (known !== undefined) return known;
    const deadline = dutyDeadline(chain, duty);
    if (stopped || deadline === undefined || deadline <= clock.now() || instances.size >= INSTANCES_MAX)
      return undefined;
    const made = new Instance(duty, {
      self: transport.self,
      operatorCount: transport.operatorCount,
      chain,
      clock,
      key: options.key,
      room,
      send,
    });
    instances.set(name, made);
    if (openedBy !== undefined) openers.set(name, openedBy);
    const expire = clock.at(deadline, () => {
      made.close();
      instances.delete(name);
      expiries.delete(name);
      openers.delete(name);
    });
    expiries.set(name, expire);
    return made;
  }

  function openedBy(peer: OperatorIndex): number {
    return [...openers.values()].filter((opener) => opener === peer).length;
  }

  function drop(from: OperatorIndex, reason: Refusal | "too-many" | "expired"): void {
    dropped.add(1, { peer: String(from), reason });
    log.debug("Consensus message dropped", { peer: from, reason });
  }

  function handle(from: OperatorIndex, bytes: Uint8Array): undefined {
    if (verified.size > VERIFIED_MAX) verified.clear();
    const received = receive(context, from, bytes);
    if (typeof received === "string") return drop(from, received) as undefined;
    const name = dutyName(received.duty);
    // An instance that only a peer has spoken of; how many it may open is bounded.
    const opens = !instances.has(name);
    if (opens && openedBy(from) >= EARLY_INSTANCES_PER_PEER_MAX) return drop(from, "too-many") as undefined;
    const instance = instanceOf(received.duty, opens ? from : undefined);
    if (instance === undefined) return drop(from, "expired") as undefined;
    if (!instance.receive(from, received)) drop(from, "too-many");
    return undefined;
  }

  async function agree(
    duty: DutyId,
    how: {
      readonly proposal: Promise<ConsensusValue>;
      readonly acceptable: (value: ConsensusValue) => boolean;
    },
    signal: AbortSignal,
  ): Promise<Decision> {
    const instance = instanceOf(duty);
    openers.delete(dutyName(duty));
    how.proposal.then(
      (value) => {
        const canonical = options.canonicalise(value) ?? value;
        instance?.propose(valueName(hashValue(canonical)), canonical);
      },
      (error: unknown) =>
        log.debug("No proposal of our own", {
          duty: dutyName(duty),
          why: error instanceof Error ? error.message : "",
        }),
    );
    signal.throwIfAborted();
    if (instance === undefined) throw new Error(`duty ${dutyName(duty)} is over`);
    const startedAt = clock.now();
    const labels = { protocol: QBFT_PROTOCOL, duty: dutyMetricName(duty.kind), timer: TIMER };
    return new Promise<Decision>((resolve, reject) => {
      const onAbort = (): void => {
        timeouts.add(1, labels);
        // Without a decision there is nothing to help others with; the instance ends and stays ended.
        instance.close();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      instance.join(how.acceptable, (decision) => {
        signal.removeEventListener("abort", onAbort);
        const leader = leaderOf(duty, decision.round, transport.operatorCount);
        decidedRounds.set(decision.round, labels);
        decidedLeader.set(leader, labels);
        duration.observe((clock.now() - startedAt) / 1000, labels);
        log.debug("Consensus decided", { duty: dutyName(duty), round: decision.round, leader });
        resolve(decision);
      });
    });
  }

  transport.handle(QBFT_PROTOCOL, QBFT_LIMITS, handle);
  return {
    agree,
    stop() {
      stopped = true;
      stopping.abort(new Error("stopping"));
      for (const instance of instances.values()) instance.close();
      for (const cancel of expiries.values()) cancel();
      instances.clear();
      expiries.clear();
      openers.clear();
    },
  };
}
