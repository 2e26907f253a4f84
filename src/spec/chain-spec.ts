import { type BeaconConfig, chainConfigFromJson, createBeaconConfig } from "@lodestar/config";
import { DvError, fromHex } from "../base/index.ts";
import type { DutyId } from "./duty.ts";
import type { Epoch, Root, Slot, UnixMs } from "./units.ts";

export class SpecError extends DvError<"spec/missing" | "spec/preset-differs"> {}

/**
 * What a node knows about its chain, all of it from the beacon node: `/eth/v1/config/spec` and
 * `/eth/v1/beacon/genesis`. Times are Unix milliseconds; shares of a slot are basis points (1/10 000).
 */
export interface ChainSpec {
  readonly genesisTime: UnixMs;
  readonly genesisValidatorsRoot: Root;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
  readonly slotMs: number;
  readonly slotsPerEpoch: number;
  /** When in its slot a duty is due, by kind; the newest fork first. */
  readonly dueBps: Readonly<Record<TimedKind, readonly DueFrom[]>>;
  /** Forks and domains, ready for use by domains.ts. */
  readonly config: BeaconConfig;
  /** The answer of the beacon node, as it came. */
  readonly raw: Readonly<Record<string, string>>;
}

/** A duty is due at this share of its slot from an epoch on. */
export interface DueFrom {
  readonly epoch: Epoch;
  readonly bps: number;
}

/** Duties that are due within their slot, and what their deadline is called in the specification; basis points where it is silent. */
const DUE = {
  attester: ["ATTESTATION_DUE_BPS", 3333],
  aggregator: ["AGGREGATE_DUE_BPS", 6667],
  "sync-message": ["SYNC_MESSAGE_DUE_BPS", 3333],
  "sync-contribution": ["CONTRIBUTION_DUE_BPS", 6667],
} as const;
export type TimedKind = keyof typeof DUE;

/**
 * @param raw - `data` of `/eth/v1/config/spec`; list values (blob schedule) may be present and are kept out of `raw`.
 * @param genesis - `data` of `/eth/v1/beacon/genesis`.
 * @throws SpecError `spec/missing` - a value without which no duty can be timed or signed.
 */
export function readChainSpec(
  raw: Readonly<Record<string, unknown>>,
  genesis: { genesis_time: string; genesis_validators_root: string; genesis_fork_version: string },
): ChainSpec {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) if (typeof value === "string") texts[name] = value;
  const number = (name: string, otherwise?: number): number => {
    const text = texts[name];
    if (text === undefined && otherwise !== undefined) return otherwise;
    const value = Number(text);
    if (text === undefined || !Number.isSafeInteger(value)) {
      throw new SpecError("spec/missing", "read the chain's specification", {
        facts: { name, found: text ?? null },
        hint: "Ask the beacon node for /eth/v1/config/spec and compare.",
      });
    }
    return value;
  };
  const root = fromHex(genesis.genesis_validators_root, 32);
  const beaconConfig = createBeaconConfig(chainConfigFromJson(raw), root);
  // A fork that moves a deadline says so in a value of its own, e.g. ATTESTATION_DUE_BPS_GLOAS.
  const due = (kind: TimedKind): readonly DueFrom[] => {
    const [name, otherwise] = DUE[kind];
    const moved = beaconConfig.forksDescendingEpochOrder
      .map(({ name: fork, epoch }) => ({ epoch, name: `${name}_${fork.toUpperCase()}` }))
      .filter((one) => texts[one.name] !== undefined);
    return [
      ...moved.map((one) => ({ epoch: one.epoch, bps: number(one.name) })),
      { epoch: 0, bps: number(name, otherwise) },
    ];
  };
  const slotMs =
    texts["SLOT_DURATION_MS"] === undefined ? number("SECONDS_PER_SLOT") * 1000 : number("SLOT_DURATION_MS");
  return {
    genesisTime: Number(genesis.genesis_time) * 1000,
    genesisValidatorsRoot: root,
    genesisForkVersion: fromHex(genesis.genesis_fork_version, 4),
    slotMs,
    slotsPerEpoch: number("SLOTS_PER_EPOCH"),
    dueBps: {
      attester: due("attester"),
      aggregator: due("aggregator"),
      "sync-message": due("sync-message"),
      "sync-contribution": due("sync-contribution"),
    },
    config: beaconConfig,
    raw: texts,
  };
}

export function slotStart(chain: ChainSpec, slot: Slot): UnixMs {
  return chain.genesisTime + slot * chain.slotMs;
}

/** The slot at `now`; negative before genesis. */
export function slotAt(chain: ChainSpec, now: UnixMs): Slot {
  return Math.floor((now - chain.genesisTime) / chain.slotMs);
}

export function epochOf(chain: ChainSpec, slot: Slot): Epoch {
  return Math.floor(slot / chain.slotsPerEpoch);
}

export function firstSlotOf(chain: ChainSpec, epoch: Epoch): Slot {
  return epoch * chain.slotsPerEpoch;
}

/** When work on a duty should start: slot start for proposals, the attestation deadline for votes, and so on. */
export function dutyDue(chain: ChainSpec, duty: DutyId): UnixMs {
  return slotStart(chain, duty.slot) + Math.floor((chain.slotMs * dueBps(chain, duty)) / 10_000);
}

function dueBps(chain: ChainSpec, { slot, kind }: DutyId): number {
  if (!Object.hasOwn(chain.dueBps, kind)) return 0;
  const epoch = epochOf(chain, slot);
  return chain.dueBps[kind as TimedKind].find((from) => epoch >= from.epoch)?.bps ?? 0;
}

/**
 * Until when a signed duty is on time: a vote can be in the next block as long as its slot lasts, and nobody votes for a
 * block that comes after the attestation deadline.
 */
export function dutyOnTimeUntil(chain: ChainSpec, { slot, kind }: DutyId): UnixMs {
  return kind === "proposer" ? dutyDue(chain, { slot, kind: "attester" }) : slotStart(chain, slot + 1);
}

/**
 * When nothing more is done for a duty. The same as Charon's (core/deadline.go), so that both sides of a mixed
 * cluster keep what the other may still send. `undefined`: never.
 */
export function dutyDeadline(chain: ChainSpec, duty: DutyId): UnixMs | undefined {
  const slots = ((): number | undefined => {
    switch (duty.kind) {
      case "exit":
      case "builder-registration":
        return undefined;
      case "proposer":
      case "randao":
        return 1 / 3;
      case "attester":
      case "aggregator":
        return chain.slotsPerEpoch;
      case "prepare-aggregator":
      case "prepare-sync-contribution":
        return 2 * chain.slotsPerEpoch;
      case "sync-message":
      case "sync-contribution":
      case "signature":
      case "info-sync":
        return 1;
    }
  })();
  return slots === undefined
    ? undefined
    : slotStart(chain, duty.slot) + Math.floor((slots + 1 / 12) * chain.slotMs);
}
