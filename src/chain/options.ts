import { DvError, fromHex, type Hex, HexError, toHex } from "../base/index.ts";
import { isPublicKey } from "../crypto/index.ts";
import type { BlsWork, Clock } from "../ports/index.ts";
import type { GroupKey, UnixMs } from "../spec/index.ts";
import type { ChainActivity } from "./activity.ts";
import { wallClock } from "./clock.ts";
import { VALIDATORS_MAX } from "./limits.ts";
import { inlineBls } from "./signature-check.ts";

export class ChainError extends DvError<"chain/bad-options" | "chain/cannot-listen"> {}

/** A validator that somebody else's validator clients drive, and whose duties the chain judges. */
export interface ChainValidator {
  /** 48 bytes, compressed G1. */
  readonly pubkey: Hex;
  /** Execution address (20 bytes) of its withdrawal credentials; zero by default. */
  readonly withdrawalAddress?: Hex;
  /** 32 ETH by default. */
  readonly balanceGwei?: number;
}

export interface ChainOptions {
  /** The watched validators. Validator index = place in this list. */
  readonly validators: readonly ChainValidator[];
  /** Further validators whose keys the chain holds itself; they are not judged. None by default. */
  readonly otherValidators?: number;
  /** Whether the others do their duties (default), or hold their share of the stake and stay away. */
  readonly others?: "attest" | "absent";
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  /** False: no socket at all, requests come in through `Chain.handle` only. True by default. */
  readonly listen?: boolean;
  /** 12 000 by default, at least 100. */
  readonly slotMs?: number;
  /** 32 as on mainnet, or fewer for a short demonstration. Validator clients with a compiled-in preset want 32. */
  readonly slotsPerEpoch?: number;
  /** A whole second, in Unix milliseconds. By default the first one that is at least 2 seconds away. */
  readonly genesisTime?: UnixMs;
  /** 4 bytes; fork n after it has its last byte plus n. 0x20000089 by default. */
  readonly genesisForkVersion?: Hex;
  readonly chainId?: number;
  readonly depositContract?: Hex;
  readonly networkName?: string;
  /** Who proposes: all validators in turn (default), or the watched ones only, which makes short demonstrations worth watching. */
  readonly proposers?: "everyone" | "watched";
  /** 1 to 64; by default what the specification makes of the number of validators. */
  readonly committeesPerSlot?: number;
  /** Epochs that a validator must have served before it may exit; 0 by default, 256 on mainnet. */
  readonly exitAfterEpochs?: number;
  /** Offers blinded blocks to proposers that are registered with a builder. */
  readonly builder?: boolean;
  /** The machine's clock by default. */
  readonly clock?: Clock;
  /** Where signatures are verified; in this thread by default. */
  readonly bls?: Pick<BlsWork, "verify">;
  /** Told of everything that happens, as it happens. Must not throw. */
  readonly onEvent?: (event: ChainActivity) => void;
}

/** Options with every default filled in and every value checked. */
export interface ChainSettings {
  readonly validators: readonly {
    readonly key: GroupKey;
    readonly pubkey: Uint8Array;
    readonly withdrawalAddress: Uint8Array;
    readonly balanceGwei: number;
  }[];
  readonly otherValidators: number;
  readonly others: "attest" | "absent";
  readonly host: string;
  readonly port: number;
  readonly listen: boolean;
  readonly slotMs: number;
  readonly slotsPerEpoch: number;
  readonly genesisTime: UnixMs;
  readonly genesisForkVersion: Uint8Array;
  readonly chainId: number;
  readonly depositContract: Hex;
  readonly networkName: string;
  readonly proposers: "everyone" | "watched";
  readonly committeesPerSlot: number | undefined;
  readonly exitAfterEpochs: number;
  readonly builder: boolean;
  readonly clock: Clock;
  readonly bls: Pick<BlsWork, "verify">;
  readonly onEvent: (event: ChainActivity) => void;
}

const TIME_TO_GENESIS_MS = 2_000;
const ETH32_GWEI = 32_000_000_000;
/** Largest effective balance since Electra, in Gwei. */
const BALANCE_MAX_GWEI = 2_048_000_000_000;

/** @throws ChainError `chain/bad-options` - with the option's name and what it may be. */
export function readOptions(options: ChainOptions): ChainSettings {
  const clock = options.clock ?? wallClock;
  const count = options.validators.length + (options.otherValidators ?? 0);
  if (count === 0 || count > VALIDATORS_MAX)
    refuse("validators", count, `Give 1 to ${VALIDATORS_MAX} validators.`);
  const genesisTime = options.genesisTime ?? Math.ceil((clock.now() + TIME_TO_GENESIS_MS) / 1000) * 1000;
  if (!Number.isSafeInteger(genesisTime) || genesisTime < 0 || genesisTime % 1000 !== 0)
    refuse("genesisTime", genesisTime, "Give a whole second, in milliseconds since 1970.");
  return {
    validators: readValidators(options.validators),
    otherValidators: whole("otherValidators", options.otherValidators ?? 0, 0, VALIDATORS_MAX),
    others: options.others ?? "attest",
    host: options.host ?? "127.0.0.1",
    port: whole("port", options.port ?? 0, 0, 65_535),
    listen: options.listen ?? true,
    slotMs: whole("slotMs", options.slotMs ?? 12_000, 100, 600_000),
    slotsPerEpoch: whole("slotsPerEpoch", options.slotsPerEpoch ?? 32, 2, 32),
    genesisTime,
    genesisForkVersion: bytes("genesisForkVersion", options.genesisForkVersion ?? "0x20000089", 4),
    chainId: whole("chainId", options.chainId ?? 32_382, 1, Number.MAX_SAFE_INTEGER),
    depositContract: toHex(bytes("depositContract", options.depositContract ?? `0x${"42".repeat(20)}`, 20)),
    networkName: options.networkName ?? "trireme-devnet",
    proposers: options.proposers ?? "everyone",
    committeesPerSlot:
      options.committeesPerSlot === undefined
        ? undefined
        : whole("committeesPerSlot", options.committeesPerSlot, 1, 64),
    exitAfterEpochs: whole("exitAfterEpochs", options.exitAfterEpochs ?? 0, 0, 2 ** 32),
    builder: options.builder ?? false,
    clock,
    bls: options.bls ?? inlineBls,
    onEvent: options.onEvent ?? (() => {}),
  };
}

function readValidators(validators: readonly ChainValidator[]): ChainSettings["validators"] {
  const seen = new Set<string>();
  return validators.map((validator, index) => {
    const pubkey = bytes(`validators[${index}].pubkey`, validator.pubkey, 48);
    const key = toHex(pubkey) as GroupKey;
    if (!isPublicKey(pubkey))
      refuse(`validators[${index}].pubkey`, key, "It is not a point of the BLS12-381 subgroup G1.");
    if (seen.has(key)) refuse(`validators[${index}].pubkey`, key, "Name each validator once.");
    seen.add(key);
    return {
      key,
      pubkey,
      withdrawalAddress: bytes(
        `validators[${index}].withdrawalAddress`,
        validator.withdrawalAddress ?? `0x${"00".repeat(20)}`,
        20,
      ),
      balanceGwei: whole(
        `validators[${index}].balanceGwei`,
        validator.balanceGwei ?? ETH32_GWEI,
        1_000_000_000,
        BALANCE_MAX_GWEI,
      ),
    };
  });
}

function whole(name: string, value: number, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    refuse(name, value, `Give a whole number from ${least} to ${most}.`);
  return value;
}

function bytes(name: string, text: string, length: number): Uint8Array {
  try {
    return fromHex(text, length);
  } catch (error) {
    if (!(error instanceof HexError)) throw error;
    return refuse(name, text.slice(0, 120), `Give ${length} bytes as hexadecimal text.`);
  }
}

function refuse(option: string, found: string | number, hint: string): never {
  throw new ChainError("chain/bad-options", "read the options of the simulated chain", {
    facts: { option, found },
    hint,
  });
}
