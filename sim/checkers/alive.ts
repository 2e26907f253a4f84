import { toHex } from "../../src/base/index.ts";
import {
  type DutyId,
  epochOf,
  type GroupKey,
  isAggregator,
  isSyncAggregator,
  type Slot,
  slotStart,
  subcommitteesOf,
} from "../../src/spec/index.ts";
import type { Signed } from "../chain/published.ts";
import type { DutyWorld, SimOperator } from "../duty-world.ts";
import { selectionRoot, syncSelectionRoot } from "../signing.ts";
import type { AgreedChecker } from "./agreed.ts";
import { hasTimeToDecide } from "./time-to-decide.ts";

/** What has to be done in some slots of good weather. */
export interface Expected {
  readonly from: Slot;
  /** One epoch later, the first slot that does not count any more. */
  readonly to: Slot;
  /** Operators that work as they should; of the others nothing is expected. */
  readonly sound: readonly SimOperator[];
  /** Operators that lie. */
  readonly liars: ReadonlySet<number>;
  /** Places in every epoch whose selection proofs do not reach the threshold, so that nobody can aggregate there. */
  readonly withoutSelections: ReadonlySet<number>;
  /** Validators whose exit a threshold of sound operators submitted. */
  readonly exits: readonly GroupKey[];
  /** What a threshold of sound clients wants builders to be told; undefined when it is what the ceremony signed. */
  readonly gasLimit: number | undefined;
}

/** S7: in good weather every duty of every kind is done, though up to f operators lie. */
export function missingDuties(
  world: DutyWorld,
  agreed: AgreedChecker,
  expected: Expected,
): readonly string[] {
  return [
    ...missingOfSlots(world, expected),
    ...expected.exits
      .filter((groupKey) => !world.chain.isLeaving(groupKey))
      .map((groupKey) => `the exit of ${short(groupKey)} is missing`),
    ...expected.sound.flatMap((operator) => missingOfOperator(world, agreed, expected, operator)),
  ];
}

/** Selection proofs are made as soon as duties are known, so those of the first epoch of good weather may be lost in the bad. */
const AGGREGATED_SLOTS = 2;

function missingOfSlots({ chain, keys, spec }: DutyWorld, expected: Expected): readonly string[] {
  const { from, to, withoutSelections } = expected;
  const done = new Set(chain.published.map(({ groupKey, signed }) => `${nameOf(signed)} ${groupKey}`));
  const missing: string[] = [];
  const expect = (what: string, groupKey: GroupKey): void => {
    if (!done.has(`${what} ${groupKey}`)) missing.push(`the ${what} of ${short(groupKey)} is missing`);
  };
  const operatorCount = keys.cluster.operators.length;
  const decides = (duty: DutyId): boolean =>
    hasTimeToDecide(spec, duty, { operatorCount, liars: expected.liars });
  const attesters = [epochOf(spec, from), epochOf(spec, to)].flatMap((epoch) =>
    chain.duties.attesterDuties(epoch),
  );
  for (const { pubkey, slot, committeeLength } of attesters) {
    if (slot < to) expect(`attester ${slot}`, pubkey);
    else if (slot < to + AGGREGATED_SLOTS && !withoutSelections.has(slot % spec.slotsPerEpoch)) {
      const proof = keys.groupSignature(pubkey, selectionRoot(spec, slot));
      if (isAggregator(committeeLength, proof)) expect(`aggregator ${slot}`, pubkey);
    }
  }
  for (let slot = from; slot < to; slot++) {
    const proposer = chain.options.groupKeys[chain.duties.proposer(slot)];
    if (proposer !== undefined && decides({ slot, kind: "proposer" })) expect(`proposer ${slot}`, proposer);
    for (const { pubkey, positions } of chain.duties.syncDuties()) {
      expect(`sync-message ${slot}`, pubkey);
      const contributes = proofsMade(expected, from, keys.cluster.threshold, subcommitteesOf(positions)).some(
        (part) => isSyncAggregator(keys.groupSignature(pubkey, syncSelectionRoot(spec, slot, part))),
      );
      // The proofs of the first slot are made while operators may still differ in what they agreed on last.
      const due = slot > from && !withoutSelections.has(slot % spec.slotsPerEpoch);
      if (due && contributes && decides({ slot, kind: "sync-contribution" }))
        expect(`sync-contribution ${slot}`, pubkey);
    }
  }
  return missing;
}

/**
 * The subcommittees for which a threshold of sound operators makes selection proofs in good weather, by what they agreed on
 * before it: beside a Charon before v1.11 a validator has a proof for its last one alone (proof-stages.ts).
 */
function proofsMade(
  { sound }: Expected,
  from: Slot,
  threshold: number,
  subcommittees: readonly number[],
): readonly number[] {
  const forAll = sound.filter(({ infosync }) => infosync?.severalContributions(from) !== false);
  return subcommittees.filter(
    (_, i) => (i === subcommittees.length - 1 ? sound : forAll).length >= threshold,
  );
}

/** The kind and slot of what was published. */
function nameOf(signed: Signed): string {
  switch (signed.kind) {
    case "attester":
      return `attester ${signed.value.data.slot}`;
    case "proposer":
      return `proposer ${signed.value.signedBlock.message.slot}`;
    case "aggregator":
      return `aggregator ${signed.value.value.message.aggregate.data.slot}`;
    case "sync-message":
      return `sync-message ${signed.value.slot}`;
    case "sync-contribution":
      return `sync-contribution ${signed.value.message.contribution.slot}`;
    case "exit":
    case "builder-registration":
      return signed.kind;
  }
}

/** What each operator has to tell its own beacon node, and the others. */
function missingOfOperator(
  { chain, spec, options, keys }: DutyWorld,
  agreed: AgreedChecker,
  { from, to, gasLimit }: Expected,
  { index, beacon, client }: SimOperator,
): readonly string[] {
  const missing: string[] = [];
  const { validators } = keys.cluster;
  for (const { groupKey, feeRecipient, builderRegistration } of validators) {
    const recipient = beacon.preparations.findLast(
      ({ validatorIndex }) => validatorIndex === chain.indexOf(groupKey),
    )?.feeRecipient;
    if (recipient !== feeRecipient)
      missing.push(`operator ${index} told its beacon node no fee recipient of ${short(groupKey)}`);
    if (builderRegistration === undefined) continue;
    const told = chain
      .of("builder-registration")
      .findLast((one) => one.by === index && one.groupKey === groupKey && one.at >= slotStart(spec, from));
    // Who has no client says nothing of the change, so that nobody notices when it has missed it.
    const wanted = client === undefined ? undefined : gasLimit;
    if (told === undefined || (wanted !== undefined && told.signed.value.message.gasLimit !== wanted))
      missing.push(`operator ${index} told no builder of ${short(groupKey)}, or the old gas limit`);
  }
  if (options.offer !== undefined && !agreed.hasDecided(index, { slot: to - 1, kind: "info-sync" }))
    missing.push(`operator ${index} does not know what the others can do`);
  return missing;
}

function short(groupKey: GroupKey): string {
  return toHex(Buffer.from(groupKey.slice(2, 10), "hex"));
}
