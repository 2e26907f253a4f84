import { toHex } from "../base/index.ts";
import { type ChainSpec, type Root, readChainSpec } from "../spec/index.ts";
import type { ChainSettings } from "./options.ts";
import { SPEC_CONSTANTS } from "./spec-constants.ts";

/** `data` of /eth/v1/config/spec: texts, and lists where the specification has lists. */
export type SpecAnswer = Readonly<Record<string, string | readonly Readonly<Record<string, string>>[]>>;

/** Forks in the order of their versions: fork n has the genesis version with n added to its last byte. */
const FORKS = ["ALTAIR", "BELLATRIX", "CAPELLA", "DENEB", "ELECTRA", "FULU"] as const;
const FAR_FUTURE_EPOCH = "18446744073709551615";
const BLOBS_PER_BLOCK_MAX = "9";

/** The fork that every block of this chain belongs to, by its name in the beacon API. */
export const FORK_NAME = "fulu";

/** Version of fork `place`: 0 is genesis, 1 Altair, 6 Fulu. */
export function forkVersion(genesisForkVersion: Uint8Array, place: number): Uint8Array {
  const version = genesisForkVersion.slice();
  version[3] = ((version[3] ?? 0) + place) % 256;
  return version;
}

/** What this chain says of itself. All forks up to Fulu are active at genesis; Gloas never comes. */
export function specAnswer(settings: ChainSettings): SpecAnswer {
  const forks: Record<string, string> = {};
  for (const [place, name] of FORKS.entries()) {
    forks[`${name}_FORK_VERSION`] = toHex(forkVersion(settings.genesisForkVersion, place + 1));
    forks[`${name}_FORK_EPOCH`] = "0";
  }
  return {
    ...SPEC_CONSTANTS,
    ...forks,
    GENESIS_FORK_VERSION: toHex(settings.genesisForkVersion),
    GLOAS_FORK_VERSION: toHex(forkVersion(settings.genesisForkVersion, FORKS.length + 1)),
    GLOAS_FORK_EPOCH: FAR_FUTURE_EPOCH,
    BLOB_SCHEDULE: [{ EPOCH: "0", MAX_BLOBS_PER_BLOCK: BLOBS_PER_BLOCK_MAX }],
    CONFIG_NAME: settings.networkName,
    DEPOSIT_CHAIN_ID: String(settings.chainId),
    DEPOSIT_NETWORK_ID: String(settings.chainId),
    DEPOSIT_CONTRACT_ADDRESS: settings.depositContract,
    // Whole seconds by definition: clients that know only this one cannot follow slots of a fraction of a second.
    SECONDS_PER_SLOT: String(Math.ceil(settings.slotMs / 1000)),
    SLOT_DURATION_MS: String(settings.slotMs),
    SLOTS_PER_EPOCH: String(settings.slotsPerEpoch),
    SHARD_COMMITTEE_PERIOD: String(settings.exitAfterEpochs),
    MIN_GENESIS_TIME: String(settings.genesisTime / 1000),
    GENESIS_DELAY: "0",
    MIN_GENESIS_ACTIVE_VALIDATOR_COUNT: "1",
  };
}

/** `data` of /eth/v1/beacon/genesis. */
export interface GenesisAnswer {
  readonly genesis_time: string;
  readonly genesis_validators_root: string;
  readonly genesis_fork_version: string;
}

export function genesisAnswer(settings: ChainSettings, genesisValidatorsRoot: Root): GenesisAnswer {
  return {
    genesis_time: String(settings.genesisTime / 1000),
    genesis_validators_root: toHex(genesisValidatorsRoot),
    genesis_fork_version: toHex(settings.genesisForkVersion),
  };
}

/** The chain reads its own answers the way a node does, so that the two cannot differ. */
export function ownSpec(answer: SpecAnswer, genesis: GenesisAnswer): ChainSpec {
  return readChainSpec(answer, { ...genesis });
}

/** `data` of /eth/v1/config/fork_schedule. */
export function forkSchedule(
  genesisForkVersion: Uint8Array,
): { previous_version: string; current_version: string; epoch: string }[] {
  return [0, ...FORKS.map((_, place) => place + 1)].map((place) => ({
    previous_version: toHex(forkVersion(genesisForkVersion, Math.max(0, place - 1))),
    current_version: toHex(forkVersion(genesisForkVersion, place)),
    epoch: "0",
  }));
}

/** `data` of /eth/v1/beacon/states/{id}/fork: the same for every state of this chain. */
export function currentFork(genesisForkVersion: Uint8Array): {
  previous_version: string;
  current_version: string;
  epoch: string;
} {
  return {
    previous_version: toHex(forkVersion(genesisForkVersion, FORKS.length - 1)),
    current_version: toHex(forkVersion(genesisForkVersion, FORKS.length)),
    epoch: "0",
  };
}
