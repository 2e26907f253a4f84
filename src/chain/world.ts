import { type Hex, toHex } from "../base/index.ts";
import {
  type ChainSpec,
  type Epoch,
  epochOf,
  firstSlotOf,
  type Root,
  type Slot,
  slotAt,
  slotStart,
  ssz,
  type UnixMs,
  type ValidatorIndex,
} from "../spec/index.ts";
import { type AttestationData, AttestationPool } from "./attestation-pool.ts";
import { BlockTree, type ChainBlock } from "./block-tree.ts";
import { type GenesisAnswer, genesisAnswer, ownSpec, type SpecAnswer, specAnswer } from "./chain-spec.ts";
import { Checkpoints } from "./checkpoints.ts";
import { DutyLedger } from "./duty-ledger.ts";
import { EventHub } from "./event-hub.ts";
import { CLOCK_DISPARITY_MS } from "./limits.ts";
import type { ChainSettings } from "./options.ts";
import { OtherValidators } from "./others.ts";
import { type ExecutionPayload, genesisBlock } from "./payload.ts";
import { Refusals } from "./refusals.ts";
import { Roster } from "./roster.ts";
import { SignatureCheck } from "./signature-check.ts";
import { SlashingJudge } from "./slashing-judge.ts";
import { SyncPool } from "./sync-pool.ts";
import { stateOf, ValidatorSet } from "./validators.ts";

export type SignedExit = ReturnType<typeof ssz.phase0.SignedVoluntaryExit.defaultValue>;
export type Registration = ReturnType<typeof ssz.bellatrix.ValidatorRegistrationV1.defaultValue>;

/** Everything the chain knows. The parts keep their own state; the rules over several parts are functions of the world. */
export interface World {
  readonly settings: ChainSettings;
  readonly spec: ChainSpec;
  readonly specAnswer: SpecAnswer;
  readonly genesisAnswer: GenesisAnswer;
  readonly validators: ValidatorSet;
  readonly others: OtherValidators;
  readonly roster: Roster;
  readonly tree: BlockTree;
  readonly checkpoints: Checkpoints;
  readonly attestations: AttestationPool;
  readonly sync: SyncPool;
  readonly judge: SlashingJudge;
  readonly ledger: DutyLedger;
  readonly refusals: Refusals;
  readonly signatures: SignatureCheck;
  readonly events: EventHub;
  /** Votes of watched validators, to be compared with the head when their slot is over. */
  readonly castVotes: Map<Slot, { readonly validator: ValidatorIndex; readonly data: AttestationData }[]>;
  /** Exits waiting for a block. */
  readonly exits: Map<ValidatorIndex, SignedExit>;
  /** Fee recipients by validator index, from prepare_beacon_proposer. */
  readonly feeRecipients: Map<ValidatorIndex, Uint8Array>;
  /** Builder registrations by public key. */
  readonly registrations: Map<Hex, Registration>;
  /** Payloads offered blinded, by block hash, with the slot they are for. */
  readonly payloads: Map<Hex, { readonly slot: Slot; readonly payload: ExecutionPayload }>;
  /** Validators whose vote came in, by epoch: the answer to "is it live?". */
  readonly live: Map<Epoch, Set<ValidatorIndex>>;
}

export function createWorld(settings: ChainSettings): World {
  const others = new OtherValidators(settings.otherValidators, settings.validators.length);
  const validators = new ValidatorSet([
    ...settings.validators.map((validator, index) => stateOf(index, true, validator)),
    ...others.publicKeys.map((pubkey, place) =>
      stateOf(settings.validators.length + place, false, {
        pubkey,
        withdrawalAddress: new Uint8Array(20),
        balanceGwei: 32_000_000_000,
      }),
    ),
  ]);
  const answer = specAnswer(settings);
  const genesis = genesisAnswer(settings, validators.genesisValidatorsRoot);
  const spec = ownSpec(answer, genesis);
  const tree = new BlockTree(genesisBlock(validators.genesisValidatorsRoot, settings.genesisTime));
  const ledger = new DutyLedger(spec, validators, settings.onEvent);
  return {
    settings,
    spec,
    specAnswer: answer,
    genesisAnswer: genesis,
    validators,
    others,
    tree,
    ledger,
    roster: new Roster(validators, settings),
    checkpoints: new Checkpoints({
      stake: (indices) => validators.stake(indices),
      active: (epoch) => validators.active(epoch),
      checkpointRoot: (epoch) => tree.upTo(firstSlotOf(spec, epoch)).root,
    }),
    attestations: new AttestationPool(),
    sync: new SyncPool(),
    judge: new SlashingJudge((slashing) => {
      ledger.slashable(slashing.offence === "double-proposal" ? "proposer" : "attester", slashing.validator);
      settings.onEvent({ kind: "slashable", slashing });
    }),
    refusals: new Refusals(settings.onEvent),
    signatures: new SignatureCheck(settings.bls),
    events: new EventHub(),
    castVotes: new Map(),
    exits: new Map(),
    feeRecipients: new Map(),
    registrations: new Map(),
    payloads: new Map(),
    live: new Map(),
  };
}

/** The slot at `now`; 0 before genesis. */
export function currentSlot(world: World, now: UnixMs): Slot {
  return Math.max(0, slotAt(world.spec, now));
}

export function currentEpoch(world: World, now: UnixMs): Epoch {
  return epochOf(world.spec, currentSlot(world, now));
}

/** Whether `slot` has not begun for a client whose clock may run ahead a little. */
export function isFuture(world: World, slot: Slot, now: UnixMs): boolean {
  return slotStart(world.spec, slot) > now + CLOCK_DISPARITY_MS;
}

/** Whether the chain keeps what is needed to judge something of `slot`: its epoch and the one before the present. */
export function isTooOld(world: World, slot: Slot, now: UnixMs): boolean {
  return epochOf(world.spec, slot) < currentEpoch(world, now) - 1;
}

/** The target that votes of `epoch` must name when their head is `head`. */
export function targetOf(world: World, epoch: Epoch, head: ChainBlock): ChainBlock {
  return world.tree.upTo(Math.min(firstSlotOf(world.spec, epoch), head.slot));
}

/** Root of the last block before `epoch`: what duties drawn at its start would depend on. */
export function lastRootBefore(world: World, epoch: Epoch): Hex {
  return epoch <= 0
    ? world.tree.genesis.rootHex
    : world.tree.upTo(firstSlotOf(world.spec, epoch) - 1).rootHex;
}

export function publicKeysOf(world: World, indices: readonly ValidatorIndex[]): Uint8Array[] {
  return indices.map((index) => (world.validators.all[index] as { pubkey: Uint8Array }).pubkey);
}

/** What became of one sent item. A duplicate is accepted: all nodes of a cluster send the same. */
export type Outcome = { readonly accepted: true } | { readonly accepted: false; readonly reason: string };

export const ACCEPTED: Outcome = { accepted: true };

/** Notes the refusal and answers with it. Reasons are constant sentences: they are counted by text. */
export function refused(
  world: World,
  what: string,
  reason: string,
  at: UnixMs,
  validator?: ValidatorIndex,
): Outcome {
  world.refusals.add({ at, what, reason, ...(validator === undefined ? {} : { validator }) });
  return { accepted: false, reason };
}

export function sameRoot(a: Root, b: Root): boolean {
  return toHex(a) === toHex(b);
}
