import { AssertionFailed, explain, type Facts, Turns } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { type Clock, type Logger, logBug, type Meter, type Transport } from "../ports/index.ts";
import { type ChainSpec, type DutyId, type DutyKind, dutyName, type OperatorIndex } from "../spec/index.ts";
import { DropLog } from "./drop-log.ts";
import { ConsensusError, dutyOver } from "./errors.ts";
import { type Instance, leaderOf } from "./instance.ts";
import { Instances, type InstanceView } from "./instances.ts";
import type { Acceptable } from "./judge.ts";
import { QBFT_LIMITS, VERIFIED_MAX } from "./limits.ts";
import { type ConsensusMetrics, consensusMetrics } from "./metrics.ts";
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
  return new Runner(options);
}

class Runner implements RunningConsensus {
  readonly #options: ConsensusOptions;
  readonly #operatorCount: number;
  readonly #log: Logger;
  readonly #metrics: ConsensusMetrics;
  readonly #drops: DropLog;
  readonly #verified: Set<string>;
  readonly #instances: Instances;
  readonly #stopping = new AbortController();

  constructor(options: ConsensusOptions) {
    const { transport, clock, chain, key, publicKeys, canonicalise } = options;
    this.#options = options;
    this.#operatorCount = publicKeys.length;
    this.#log = options.log.room("consensus");
    this.#metrics = consensusMetrics(options.meter);
    this.#drops = new DropLog(clock, this.#log);
    this.#verified = options.verified ?? new Set();
    this.#instances = new Instances({
      self: transport.self,
      publicKeys,
      chain,
      clock,
      key,
      log: this.#log,
      canonicalise,
      onDouble: options.onDouble ?? (() => {}),
      verified: this.#verified,
      room: new PeerRoom(),
      turns: new Turns((give) => void clock.at(clock.now(), give)),
      send: (duty, kind, bytes, to) => this.#send(duty, kind, bytes, to),
    });
    transport.handle(QBFT_PROTOCOL, QBFT_LIMITS, (from, bytes) => this.#receive(from, bytes));
  }

  async agree(
    duty: DutyId,
    { acceptable, proposal }: Parameters<Consensus["agree"]>[1],
    signal: AbortSignal,
  ): Promise<Decision> {
    const instance = signal.aborted ? undefined : this.#instances.own(duty);
    const duration = proposalToDecision(this.#options.clock, (ms) => this.#metrics.duration(duty, ms));
    this.#await(proposal, duty, instance, duration.proposed);
    signal.throwIfAborted();
    if (instance === undefined) throw this.#stopping.signal.aborted ? stopped() : dutyOver(duty);
    if (instance.joined) throw new ConsensusError("consensus/already-joined", `agree on ${dutyName(duty)}`);
    const decision = await this.#decisionOf(instance, acceptable, signal);
    duration.decided();
    return decision;
  }

  stop(): void {
    this.#stopping.abort(stopped());
    this.#instances.stop(stopped());
  }

  debug(): readonly InstanceView[] {
    return this.#instances.views();
  }

  /** Hands our own proposal to the instance when it comes; none comes where it fails. */
  #await(
    proposal: Promise<ConsensusValue>,
    duty: DutyId,
    instance: Instance | undefined,
    proposed: () => void,
  ): void {
    const facts = { duty: dutyName(duty) };
    proposal
      .then(
        async (value) => {
          proposed();
          if ((await instance?.propose(value)) === false)
            this.#log.error("Our own proposal cannot be read", { ...facts, typeUrl: value.typeUrl });
        },
        (error: unknown) => {
          if (error instanceof AssertionFailed) throw error;
          this.#log.debug("No proposal of our own", { ...facts, why: explain(error) });
        },
      )
      .catch((error: unknown) => logBug(this.#log, error, facts));
  }

  #decisionOf(instance: Instance, acceptable: Acceptable, signal: AbortSignal): Promise<Decision> {
    const { duty } = instance;
    return new Promise<Decision>((resolve, reject) => {
      const fail = (why: Error): void => {
        signal.removeEventListener("abort", onAbort);
        this.#metrics.timeout(duty);
        if (instance.lackedRoundChanges) this.#metrics.insufficientRoundChanges(duty, "timeout");
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
        this.#noteDecision(instance, decision.round);
        resolve(decision);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      instance.join({ acceptable, decide, fail });
    });
  }

  #noteDecision({ duty, lackedRoundChanges }: Instance, round: number): void {
    const leader = leaderOf(duty, round, this.#operatorCount);
    this.#metrics.decided(duty, { round, leader });
    if (lackedRoundChanges) this.#metrics.insufficientRoundChanges(duty, "decided");
    this.#log.debug("Consensus decided", { duty: dutyName(duty), round, leader });
  }

  #receive(from: OperatorIndex, bytes: Uint8Array): Promise<undefined> | undefined {
    const message = readMessage(from, bytes, {
      operatorCount: this.#operatorCount,
      admit: this.#options.admit,
    });
    if (typeof message === "string") return this.#drop(from, message);
    const facts = { duty: dutyName(message.duty), kind: message.kind };
    const instance = this.#instances.spokenOf(from, message.duty);
    if (typeof instance === "string") return this.#drop(from, instance, facts);
    if (this.#verified.size > VERIFIED_MAX) this.#verified.clear();
    const refusal = instance.receive(from, message);
    // The transport counts what is being read as held by the peer, so that no more of it comes than there is room for.
    if (refusal instanceof Promise) return refusal.then((later) => this.#drop(from, later, facts));
    return this.#drop(from, refusal, facts);
  }

  #drop(from: OperatorIndex, reason: Refusal | undefined, facts: Facts = {}): undefined {
    if (reason === undefined) return;
    this.#metrics.dropped(from, reason);
    this.#drops.note(from, reason, facts);
  }

  #send(duty: DutyId, kind: string, bytes: Uint8Array, only: OperatorIndex | undefined): void {
    const { transport } = this.#options;
    for (let peer = 0; peer < this.#operatorCount; peer++) {
      if (peer === transport.self || (only !== undefined && peer !== only)) continue;
      transport
        .send(peer as OperatorIndex, QBFT_PROTOCOL, bytes, this.#stopping.signal)
        .catch((error: unknown) =>
          this.#log.debug("Consensus message not delivered", {
            duty: dutyName(duty),
            kind,
            peer,
            why: explain(error),
          }),
        );
    }
  }
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
