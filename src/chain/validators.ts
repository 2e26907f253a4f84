import { toHex } from "../base/index.ts";
import { type Epoch, type GroupKey, type Root, ssz, type ValidatorIndex } from "../spec/index.ts";

export const FAR_FUTURE_EPOCH: number = Number.POSITIVE_INFINITY;
/** Epochs from an accepted exit to its effect: 1 + MAX_SEED_LOOKAHEAD, later than any duty that is already handed out. */
const EXIT_DELAY_EPOCHS = 5;
const WITHDRAWABLE_DELAY_EPOCHS = 256;

/** One validator of the chain's state. Active from genesis; balances never change. */
export interface ValidatorState {
  readonly index: ValidatorIndex;
  readonly key: GroupKey;
  readonly pubkey: Uint8Array;
  readonly withdrawalCredentials: Uint8Array;
  readonly balanceGwei: number;
  /** Driven and signed by others, judged by the chain. */
  readonly watched: boolean;
  exitEpoch: Epoch;
  withdrawableEpoch: Epoch;
}

/** The registry: who is a validator, and from when to when. */
export class ValidatorSet {
  readonly all: readonly ValidatorState[];
  readonly genesisValidatorsRoot: Root;
  readonly #byKey: ReadonlyMap<string, ValidatorState>;

  constructor(all: readonly ValidatorState[]) {
    this.all = all;
    this.#byKey = new Map(all.map((validator) => [validator.key, validator]));
    this.genesisValidatorsRoot = ssz.phase0.Validators.hashTreeRoot(all.map(registryEntry));
  }

  get(index: ValidatorIndex): ValidatorState | undefined {
    return this.all[index];
  }

  byKey(key: string): ValidatorState | undefined {
    return this.#byKey.get(key.toLowerCase());
  }

  /** Indices of those who have duties in `epoch`, in order. */
  active(epoch: Epoch): ValidatorIndex[] {
    return this.all.filter((validator) => epoch < validator.exitEpoch).map(({ index }) => index);
  }

  /** Lets a validator leave. The caller has checked that it may. */
  exit(index: ValidatorIndex, currentEpoch: Epoch): void {
    const validator = this.all[index];
    if (validator === undefined || validator.exitEpoch !== FAR_FUTURE_EPOCH) return;
    validator.exitEpoch = currentEpoch + EXIT_DELAY_EPOCHS;
    validator.withdrawableEpoch = validator.exitEpoch + WITHDRAWABLE_DELAY_EPOCHS;
  }

  /** Effective balance of `indices` in Gwei; of what is staked in total when left out. */
  stake(indices: Iterable<ValidatorIndex>): bigint {
    let sum = 0n;
    for (const index of indices) sum += BigInt(effectiveBalance(this.all[index]?.balanceGwei ?? 0));
    return sum;
  }
}

/** Whole ETH, as the specification rounds it. */
function effectiveBalance(balanceGwei: number): number {
  return balanceGwei - (balanceGwei % 1_000_000_000);
}

export function registryEntry(validator: ValidatorState): {
  pubkey: Uint8Array;
  withdrawalCredentials: Uint8Array;
  effectiveBalance: number;
  slashed: boolean;
  activationEligibilityEpoch: number;
  activationEpoch: number;
  exitEpoch: number;
  withdrawableEpoch: number;
} {
  return {
    pubkey: validator.pubkey,
    withdrawalCredentials: validator.withdrawalCredentials,
    effectiveBalance: effectiveBalance(validator.balanceGwei),
    slashed: false,
    activationEligibilityEpoch: 0,
    activationEpoch: 0,
    exitEpoch: validator.exitEpoch,
    withdrawableEpoch: validator.withdrawableEpoch,
  };
}

/** Status of the beacon API at `epoch`. */
export function statusAt(validator: ValidatorState, epoch: Epoch): string {
  if (validator.exitEpoch === FAR_FUTURE_EPOCH) return "active_ongoing";
  if (epoch < validator.exitEpoch) return "active_exiting";
  return epoch < validator.withdrawableEpoch ? "exited_unslashed" : "withdrawal_possible";
}

/** Credentials of type 1, or 2 for a balance that only a compounding validator can have. */
export function withdrawalCredentials(address: Uint8Array, balanceGwei: number): Uint8Array {
  const credentials = new Uint8Array(32);
  credentials[0] = balanceGwei > 32_000_000_000 ? 2 : 1;
  credentials.set(address, 12);
  return credentials;
}

export function stateOf(
  index: ValidatorIndex,
  watched: boolean,
  from: {
    readonly pubkey: Uint8Array;
    readonly withdrawalAddress: Uint8Array;
    readonly balanceGwei: number;
  },
): ValidatorState {
  return {
    index,
    watched,
    key: toHex(from.pubkey) as GroupKey,
    pubkey: from.pubkey,
    withdrawalCredentials: withdrawalCredentials(from.withdrawalAddress, from.balanceGwei),
    balanceGwei: from.balanceGwei,
    exitEpoch: FAR_FUTURE_EPOCH,
    withdrawableEpoch: FAR_FUTURE_EPOCH,
  };
}
