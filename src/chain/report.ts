import type { Hex } from "../base/index.ts";
import { type GroupKey, type Slot, type UnixMs, type ValidatorIndex } from "../spec/index.ts";
import { type JudgedKind, judgedKinds, type Slashing } from "./activity.ts";
import { type Counts, type DutyRecord, zero } from "./duty-ledger.ts";
import { percentile } from "./latencies.ts";
import type { Refusal } from "./refusals.ts";
import { currentSlot, type World } from "./world.ts";

/** Counts of one kind of duty, and how long after the due time it came. `assigned` includes duties still open. */
export interface DutyTally extends Readonly<Counts> {
  /** Milliseconds after the due time over the newest duties; null when none came. */
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
}

export interface ValidatorReport {
  readonly index: ValidatorIndex;
  readonly pubkey: GroupKey;
  readonly duties: Readonly<Record<JudgedKind, DutyTally>>;
}

/** One slot in detail, for the newest epochs only. */
export interface SlotReport {
  readonly slot: Slot;
  /** Undefined when the slot is empty. */
  readonly block:
    | { readonly root: Hex; readonly proposer: ValidatorIndex; readonly by: "watched" | "chain" }
    | undefined;
  readonly duties: readonly Readonly<DutyRecord>[];
}

/** What the chain saw of its watched validators. JSON-safe. */
export interface ChainReport {
  readonly network: string;
  readonly at: UnixMs;
  readonly genesisTime: UnixMs;
  readonly slotMs: number;
  readonly slotsPerEpoch: number;
  /** Negative before genesis. */
  readonly slot: Slot;
  readonly headSlot: Slot;
  readonly justifiedEpoch: number;
  readonly finalizedEpoch: number;
  readonly otherValidators: number;
  readonly totals: Readonly<Record<JudgedKind, DutyTally>>;
  readonly validators: readonly ValidatorReport[];
  readonly slots: readonly SlotReport[];
  readonly slashings: { readonly count: number; readonly pairs: readonly Slashing[] };
  /** Sent, and not taken. Signatures that were wrong stand under "…: wrong signature" and its kin. */
  readonly refusals: {
    readonly count: number;
    readonly wrongSignatures: number;
    readonly byReason: Readonly<Record<string, number>>;
    readonly recent: readonly Refusal[];
  };
  /** Sent again, as the other nodes of a cluster do: no fault. */
  readonly duplicates: number;
}

export function makeReport(world: World, now: UnixMs): ChainReport {
  const { settings, spec, ledger, validators } = world;
  const watched = validators.all.filter((validator) => validator.watched);
  const finality = world.checkpoints.now;
  const { byReason } = world.refusals;
  return {
    network: settings.networkName,
    at: now,
    genesisTime: settings.genesisTime,
    slotMs: settings.slotMs,
    slotsPerEpoch: spec.slotsPerEpoch,
    slot: now < settings.genesisTime ? -1 : currentSlot(world, now),
    headSlot: world.tree.head.slot,
    justifiedEpoch: finality.currentJustified.epoch,
    finalizedEpoch: finality.finalized.epoch,
    otherValidators: settings.otherValidators,
    totals: perKind((kind) =>
      tally(
        watched.map(({ index }) => ledger.counts(index, kind)),
        watched.flatMap(({ index }) => ledger.latencies(index, kind)),
      ),
    ),
    validators: watched.map(({ index, key }) => ({
      index,
      pubkey: key,
      duties: perKind((kind) => tally([ledger.counts(index, kind)], ledger.latencies(index, kind))),
    })),
    slots: ledger.slots.map((slot) => slotReport(world, slot)),
    slashings: { count: world.judge.count, pairs: world.judge.slashings },
    refusals: {
      count: sum(Object.values(byReason)),
      wrongSignatures: sum(
        Object.entries(byReason).map(([reason, count]) =>
          /: wrong (aggregate |attestation )?(signature|selection proof|randao reveal|sync aggregate)/.test(
            reason,
          )
            ? count
            : 0,
        ),
      ),
      byReason,
      recent: world.refusals.recent,
    },
    duplicates: world.refusals.duplicates,
  };
}

function slotReport(world: World, slot: Slot): SlotReport {
  const block = world.tree.at(slot);
  return {
    slot,
    block:
      block === undefined || slot === 0
        ? undefined
        : {
            root: block.rootHex,
            proposer: block.proposerIndex,
            by: world.validators.get(block.proposerIndex)?.watched ? "watched" : "chain",
          },
    duties: world.ledger.records(slot),
  };
}

function perKind<T>(of: (kind: JudgedKind) => T): Record<JudgedKind, T> {
  return Object.fromEntries(judgedKinds.map((kind) => [kind, of(kind)])) as Record<JudgedKind, T>;
}

function tally(counts: readonly Readonly<Counts>[], latencies: readonly number[]): DutyTally {
  const total = zero();
  for (const one of counts)
    for (const name of Object.keys(total) as (keyof Counts)[]) total[name] += one[name];
  return { ...total, medianMs: percentile(latencies, 0.5), p95Ms: percentile(latencies, 0.95) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
