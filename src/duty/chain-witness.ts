import { explain } from "../base/index.ts";
import type { Cluster } from "../cluster/index.ts";
import type { BeaconNode, Clock, Logger } from "../ports/index.ts";
import {
  type ChainSpec,
  type Epoch,
  type GroupKey,
  type Slot,
  slotAt,
  type ValidatorIndex,
} from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { retry } from "./retry.ts";

export interface WitnessPorts {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly cluster: Cluster;
  readonly beacon: BeaconNode;
  readonly log: Logger;
}

type Active = ReadonlyMap<ValidatorIndex, GroupKey>;

/** What a beacon node has seen of our validators on the chain, and whether it can have seen anything. */
export class ChainWitness {
  readonly #ports: WitnessPorts;

  constructor(ports: WitnessPorts) {
    this.#ports = ports;
  }

  /** Zero also where the beacon node knows of no block at all; undefined when it does not answer. */
  async headSlot(signal: AbortSignal): Promise<Slot | undefined> {
    const { beacon, log } = this.#ports;
    try {
      return (await beacon.block("head", signal))?.slot ?? 0;
    } catch (error) {
      signal.throwIfAborted();
      log.debug("Head not read", { why: explain(error) });
      return undefined;
    }
  }

  /**
   * Whether a beacon node has the chain as it is now. One that was away as long as we were, as after a machine is put back
   * from a copy, knows neither who is active nor who signs, and says of everybody that it has not seen him.
   */
  async seesThePresent(signal: AbortSignal): Promise<boolean> {
    const { chain, clock } = this.#ports;
    const head = await this.headSlot(signal);
    const age = slotAt(chain, clock.now()) - (head ?? Number.NEGATIVE_INFINITY);
    return age <= LIMITS.presentEpochs * chain.slotsPerEpoch;
  }

  /** Asks until it is answered. */
  async activeValidators(signal: AbortSignal): Promise<Active> {
    const { beacon, cluster } = this.#ports;
    const keys = cluster.validators.map(({ groupKey }) => groupKey);
    const found = await this.#untilAnswered("validators", signal, () => beacon.validators(keys, signal));
    const active = found.filter(({ status }) => status.startsWith("active"));
    return new Map(active.map(({ index, pubkey }) => [index, pubkey]));
  }

  /** Those of `validators` that signed in an epoch. One question: @throws when it is not answered. */
  async liveOf(validators: Active, epoch: Epoch, signal: AbortSignal): Promise<readonly GroupKey[]> {
    const live = await this.#ports.beacon.liveValidators(epoch, [...validators.keys()], signal);
    return [...validators].flatMap(([index, key]) => (live.has(index) ? [key] : []));
  }

  /** Our validators that signed in an epoch. Asks until it is answered. */
  async live(epoch: Epoch, signal: AbortSignal): Promise<readonly GroupKey[]> {
    const active = await this.activeValidators(signal);
    return this.#untilAnswered("liveness", signal, () => this.liveOf(active, epoch, signal));
  }

  #untilAnswered<T>(what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const { clock, log } = this.#ports;
    return retry(clock, signal, attempt, (error, attempts) => {
      if (attempts === 1) log.warn("Beacon node did not answer, trying again", { what, why: explain(error) });
    });
  }
}
