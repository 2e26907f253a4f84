import { AssertionFailed, explain, type Facts } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { type Clock, type Logger, logBug, type Meter, type Transport } from "../ports/index.ts";
import { type ChainSpec, type DutyId, type DutyKind, dutyName, type OperatorIndex } from "../spec/index.ts";
import { DropLog } from "./drop-log.ts";
import { ConsensusError, dutyOver } from "./errors.ts";
import { type InstanceContext, leaderOf } from "./instance.ts";
import { Instances, type InstanceView } from "./instances.ts";
import { QBFT_LIMITS, VERIFIED_MAX } from "./limits.ts";
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
   * Told when somebody else spoke with our key: signed what we did not say, or, in an instance that we have not joined, led a
   * round in our place. May be told again for the same duty.
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

/** Consensus that runs until it is stopped. */
export interface RunningConsensus extends Consensus {
  /** Ends all instances; every pending `agree` fails with `consensus/stopped`. */
  stop(): void;
  /** All living instances, oldest first. */
  debug(): readonly InstanceView[];
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
  const instances = new Instances(context);

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

  function drop(from: OperatorIndex, reason: Refusal, facts: Facts = {}): undefined {
    metrics.dropped(from, reason);
    drops.note(from, reason, facts);
  }

  function handle(from: OperatorIndex, bytes: Uint8Array): undefined {
    const message = readMessage(from, bytes, { operatorCount, admit: options.admit });
    if (typeof message === "string") return drop(from, message);
    const instance = instances.spokenOf(from, message.duty);
    const facts = { duty: dutyName(message.duty), kind: message.kind };
    if (typeof instance === "string") return drop(from, instance, facts);
    if (context.verified.size > VERIFIED_MAX) context.verified.clear();
    const refusal = instance.receive(from, message);
    if (refusal !== undefined) drop(from, refusal, facts);
    return undefined;
  }

  async function agree(
    duty: DutyId,
    { acceptable, proposal }: Parameters<Consensus["agree"]>[1],
    signal: AbortSignal,
  ): Promise<Decision> {
    const instance = signal.aborted ? undefined : instances.own(duty);
    const duration = proposalToDecision(clock, (ms) => metrics.duration(duty, ms));
    proposal.then(
      (value) => {
        duration.proposed();
        if (instance?.propose(value) === false)
          log.error("Our own proposal cannot be read", { duty: dutyName(duty), typeUrl: value.typeUrl });
      },
      (error: unknown) => {
        if (error instanceof AssertionFailed) logBug(log, error, { duty: dutyName(duty) });
        else log.debug("No proposal of our own", { duty: dutyName(duty), why: explain(error) });
      },
    );
    signal.throwIfAborted();
    if (instance === undefined) throw stopping.signal.aborted ? stopped() : dutyOver(duty);
    if (instance.joined) throw new ConsensusError("consensus/already-joined", `agree on ${dutyName(duty)}`);
    return new Promise<Decision>((resolve, reject) => {
      const fail = (why: Error): void => {
        signal.removeEventListener("abort", onAbort);
        metrics.timeout(duty);
        if (instance.lackedRoundChanges) metrics.insufficientRoundChanges(duty, "timeout");
        reject(why);
      };
      // Who asked for the decision no longer stands for our votes, so there are no more: the instance stays, silent, until
      // its deadline. In practice the signal is that deadline, or the end of the process.
      const onAbort = (): void => {
        instance.close();
        fail(signal.reason as Error);
      };
      const decide = (decision: Decision): void => {
        signal.removeEventListener("abort", onAbort);
        const { round } = decision;
        const leader = leaderOf(duty, round, operatorCount);
        metrics.decided(duty, { round, leader });
        if (instance.lackedRoundChanges) metrics.insufficientRoundChanges(duty, "decided");
        duration.decided();
        log.debug("Consensus decided", { duty: dutyName(duty), round, leader });
        resolve(decision);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      instance.join({ acceptable, decide, fail });
    });
  }

  transport.handle(QBFT_PROTOCOL, QBFT_LIMITS, handle);
  return {
    agree,
    stop() {
      stopping.abort(stopped());
      instances.stop(stopped());
    },
    debug: () => instances.views(),
  };
}

/** Measures how long a decision took from our own proposal on; 0 when it came first, nothing when we had none. */
function proposalToDecision(
  clock: Clock,
  observe: (ms: number) => void,
): { readonly proposed: () => void; readonly decided: () => void } {
  let proposedAt: number | undefined;
  let isDecided = false;
  return {
    proposed() {
      proposedAt = clock.now();
      if (isDecided) observe(0);
    },
    decided() {
      isDecided = true;
      if (proposedAt !== undefined) observe(clock.now() - proposedAt);
    },
  };
}

const stopped = (): ConsensusError => new ConsensusError("consensus/stopped", "agree while the node stops");
