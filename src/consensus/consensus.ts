import { explain, type Facts } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import type { Clock, Logger, Meter, Transport } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  type DutyKind,
  dutyDeadline,
  dutyName,
  type OperatorIndex,
} from "../spec/index.ts";
import { DropLog } from "./drop-log.ts";
import { ConsensusError } from "./errors.ts";
import { Instance, type InstanceContext, leaderOf } from "./instance.ts";
import { EARLY_INSTANCES_PER_PEER_MAX, QBFT_LIMITS, VERIFIED_MAX } from "./limits.ts";
import { consensusMetrics } from "./metrics.ts";
import { PeerRoom } from "./peer-room.ts";
import { type Refusal, readMessage } from "./receive.ts";
import type { Consensus, ConsensusValue, Decision } from "./types.ts";
import { QBFT_PROTOCOL } from "./wire.ts";

export interface ConsensusOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly key: NodeKey;
  /** 33 bytes each, by operator index. */
  readonly publicKeys: readonly Uint8Array[];
  /** Whether a duty can exist: its kind is in use and its slot is near. */
  readonly admit: (duty: DutyId) => boolean;
  /**
   * The value with its inner message deterministically encoded; undefined when it cannot be read, or is of a type that duties
   * of this kind are not about. One type per kind: a value's name is the hash of its bytes alone.
   */
  readonly canonicalise: (value: ConsensusValue, kind: DutyKind) => ConsensusValue | undefined;
  /**
   * Told when somebody else spoke with our key in an instance that we have not joined: by a message that it signed, or by
   * leading a round in our place. May be told again for the same duty.
   */
  readonly onDouble?: (duty: DutyId, evidence: "signed" | "led") => void;
  /**
   * Names of message parts whose signatures were found good, kept within a bound. Operators that share a process, as in a
   * simulation, may share it too; each has its own when left out.
   */
  readonly verified?: Set<string>;
  readonly log: Logger;
  readonly meter: Meter;
}

/** What is known of a living instance, for people. */
export interface InstanceView {
  readonly duty: DutyId;
  /** Whether `agree` was called for it; otherwise only peers have spoken of it. */
  readonly joined: boolean;
  readonly round: number;
  readonly decidedRound: number | undefined;
}

/** Consensus that runs until it is stopped. */
export interface RunningConsensus extends Consensus {
  /** Ends all instances; every pending `agree` fails with `consensus/stopped`. */
  stop(): void;
  /** All living instances, oldest first. */
  debug(): readonly InstanceView[];
}

interface Living {
  readonly instance: Instance;
  readonly cancelExpiry: () => void;
  /** The peer that made us open it, until we join ourselves. */
  openedBy: OperatorIndex | undefined;
}

/**
 * Runs the instances of all duties over Charon's protocol. Registers its handler at once; messages for duties we have not
 * joined wait within bounds.
 */
export function createConsensus(options: ConsensusOptions): RunningConsensus {
  const { transport, clock, chain } = options;
  const log = options.log.room("consensus");
  const metrics = consensusMetrics(options.meter);
  const drops = new DropLog(clock, log);
  const operatorCount = options.publicKeys.length;
  const living = new Map<string, Living>();
  const stopping = new AbortController();
  const context: InstanceContext = {
    self: transport.self,
    publicKeys: options.publicKeys,
    chain,
    clock,
    key: options.key,
    log,
    canonicalise: options.canonicalise,
    onDouble: options.onDouble ?? (() => {}),
    verified: options.verified ?? new Set(),
    room: new PeerRoom(),
    send,
  };

  function send(duty: DutyId, kind: string, bytes: Uint8Array, only: OperatorIndex | undefined): void {
    for (let peer = 0; peer < operatorCount; peer++) {
      if (peer === transport.self || (only !== undefined && peer !== only)) continue;
      transport.send(peer as OperatorIndex, QBFT_PROTOCOL, bytes, stopping.signal).catch((error: unknown) =>
        log.debug("Consensus message not delivered", {
          duty: dutyName(duty),
          kind,
          peer,
          why: explain(error),
        }),
      );
    }
  }

  /** Opens the instance of a duty; it lives until the duty's deadline and is gone for good afterwards. */
  function open(duty: DutyId, openedBy: OperatorIndex | undefined): Living | undefined {
    const deadline = dutyDeadline(chain, duty);
    if (stopping.signal.aborted || deadline === undefined || deadline <= clock.now()) return undefined;
    const name = dutyName(duty);
    const instance = new Instance(duty, context);
    const cancelExpiry = clock.at(deadline, () => {
      living.delete(name);
      instance.close(over(duty));
    });
    const opened = { instance, cancelExpiry, openedBy };
    living.set(name, opened);
    return opened;
  }

  /** The instance that a peer speaks of. How many it may open is bounded per peer, so that our own duties always find room. */
  function openFor(peer: OperatorIndex, duty: DutyId): Living | Refusal {
    const known = living.get(dutyName(duty));
    if (known !== undefined) return known;
    const opened = [...living.values()].filter(({ openedBy }) => openedBy === peer).length;
    if (opened >= EARLY_INSTANCES_PER_PEER_MAX) return "too-many";
    return open(duty, peer) ?? "expired";
  }

  function drop(from: OperatorIndex, reason: Refusal, facts: Facts = {}): undefined {
    metrics.dropped(from, reason);
    drops.note(from, reason, facts);
  }

  function handle(from: OperatorIndex, bytes: Uint8Array): undefined {
    const message = readMessage(from, bytes, { operatorCount, admit: options.admit });
    if (typeof message === "string") return drop(from, message);
    const found = openFor(from, message.duty);
    const facts = { duty: dutyName(message.duty), kind: message.kind };
    if (typeof found === "string") return drop(from, found, facts);
    if (context.verified.size > VERIFIED_MAX) context.verified.clear();
    const refusal = found.instance.receive(from, message);
    if (refusal !== undefined) drop(from, refusal, facts);
    return undefined;
  }

  async function agree(
    duty: DutyId,
    how: Parameters<Consensus["agree"]>[1],
    signal: AbortSignal,
  ): Promise<Decision> {
    const found = signal.aborted ? undefined : (living.get(dutyName(duty)) ?? open(duty, undefined));
    let proposedAt: number | undefined;
    let decided = false;
    how.proposal.then(
      (value) => {
        proposedAt = clock.now();
        if (decided) metrics.duration(duty, 0);
        if (found?.instance.propose(value) === false)
          log.error("Our own proposal cannot be read", { duty: dutyName(duty), typeUrl: value.typeUrl });
      },
      (error: unknown) => log.debug("No proposal of our own", { duty: dutyName(duty), why: explain(error) }),
    );
    signal.throwIfAborted();
    if (found === undefined) throw stopping.signal.aborted ? stopped() : over(duty);
    const { instance } = found;
    if (instance.joined) throw new ConsensusError("consensus/already-joined", `agree on ${dutyName(duty)}`);
    found.openedBy = undefined;
    return new Promise<Decision>((resolve, reject) => {
      const giveUp = (why: Error): void => {
        signal.removeEventListener("abort", onAbort);
        metrics.timeout(duty);
        if (instance.lackedRoundChanges) metrics.insufficientRoundChanges(duty, "timeout");
        reject(why);
      };
      // Who asked for the decision no longer stands for our votes, so there are no more: the instance stays, silent, until
      // its deadline. In practice the signal is that deadline, or the end of the process.
      const onAbort = (): void => {
        instance.close();
        giveUp(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      instance.join({
        acceptable: how.acceptable,
        fail: giveUp,
        decide(decision) {
          signal.removeEventListener("abort", onAbort);
          decided = true;
          const leader = leaderOf(duty, decision.round, operatorCount);
          metrics.decided(duty, { round: decision.round, leader });
          if (instance.lackedRoundChanges) metrics.insufficientRoundChanges(duty, "decided");
          if (proposedAt !== undefined) metrics.duration(duty, clock.now() - proposedAt);
          log.debug("Consensus decided", { duty: dutyName(duty), round: decision.round, leader });
          resolve(decision);
        },
      });
    });
  }

  transport.handle(QBFT_PROTOCOL, QBFT_LIMITS, handle);
  return {
    agree,
    stop() {
      stopping.abort(stopped());
      for (const { instance, cancelExpiry } of living.values()) {
        cancelExpiry();
        instance.close(stopped());
      }
      living.clear();
    },
    debug: () =>
      [...living.values()].map(({ instance: { duty, joined, round, decidedRound } }) => ({
        duty,
        joined,
        round,
        decidedRound,
      })),
  };
}

const over = (duty: DutyId): ConsensusError =>
  new ConsensusError("consensus/duty-over", `agree on ${dutyName(duty)} before its deadline`);
const stopped = (): ConsensusError => new ConsensusError("consensus/stopped", "agree while the node stops");
