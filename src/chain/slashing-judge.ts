import { type Hex, toHex } from "../base/index.ts";
import { type Epoch, type phase0, type Slot, ssz, type UnixMs, type ValidatorIndex } from "../spec/index.ts";
import type { Slashing } from "./activity.ts";
import { SLASHINGS_KEPT, VOTES_PER_EPOCH_MAX } from "./limits.ts";
import type { ValidatorState } from "./validators.ts";

type AttestationData = phase0.AttestationData;

interface SeenVote {
  readonly source: Epoch;
  readonly root: Hex;
  readonly data: AttestationData;
}

/**
 * The judge of safety. It remembers every vote and block header with a right signature, also those that the chain refused
 * for another reason, and names every pair that the protocol punishes. Its memory of targets and proposals is never
 * pruned: less than a kilobyte per validator and epoch.
 *
 * @spec phase0/beacon-chain.md#is_slashable_attestation_data, phase0/beacon-chain.md#proposer-slashings
 */
export class SlashingJudge {
  readonly #votes = new Map<ValidatorIndex, Map<Epoch, SeenVote[]>>();
  readonly #proposals = new Map<ValidatorIndex, Map<Slot, Map<Hex, unknown>>>();
  readonly #slashings: Slashing[] = [];
  readonly #onSlashing: (slashing: Slashing) => void;
  #count = 0;

  constructor(onSlashing: (slashing: Slashing) => void) {
    this.#onSlashing = onSlashing;
  }

  /** Slashable pairs found, also those that are not kept in full. */
  get count(): number {
    return this.#count;
  }

  get slashings(): readonly Slashing[] {
    return this.#slashings;
  }

  /** Judges a vote whose signature is right, and remembers it. The same vote again is no offence. */
  vote(validator: ValidatorState, data: AttestationData, at: UnixMs): void {
    const votes = entry(this.#votes, validator.index, () => new Map<Epoch, SeenVote[]>());
    const root = toHex(ssz.phase0.AttestationData.hashTreeRoot(data));
    const source = data.source.epoch;
    const target = data.target.epoch;
    const ofEpoch = votes.get(target) ?? [];
    if (ofEpoch.some((vote) => vote.root === root)) return;
    const found = (offence: Slashing["offence"], first: SeenVote): void =>
      this.#found(validator, offence, voteJson(first.data), voteJson(data), at);
    const [other] = ofEpoch;
    if (other !== undefined) found("double-vote", other);
    for (const [seenTarget, seen] of votes) {
      if (seenTarget === target) continue;
      const around = seen.find((vote) => (seenTarget > target ? vote.source < source : vote.source > source));
      if (around !== undefined) found("surround-vote", around);
    }
    if (ofEpoch.length < VOTES_PER_EPOCH_MAX) votes.set(target, [...ofEpoch, { source, root, data }]);
  }

  /** Judges a block header whose signature is right, and remembers it. */
  proposal(validator: ValidatorState, header: phase0.BeaconBlockHeader, at: UnixMs): void {
    const slots = entry(this.#proposals, validator.index, () => new Map<Slot, Map<Hex, unknown>>());
    const ofSlot = entry(slots, header.slot, () => new Map<Hex, unknown>());
    const root = toHex(ssz.phase0.BeaconBlockHeader.hashTreeRoot(header));
    if (ofSlot.has(root) || ofSlot.size >= VOTES_PER_EPOCH_MAX) return;
    const json = ssz.phase0.BeaconBlockHeader.toJson(header);
    const [first] = ofSlot.values();
    if (first !== undefined) this.#found(validator, "double-proposal", first, json, at);
    ofSlot.set(root, json);
  }

  /** Whether another block of this proposer for this slot was seen. */
  hasOtherProposal(validator: ValidatorIndex, slot: Slot, root: Hex): boolean {
    return [...(this.#proposals.get(validator)?.get(slot)?.keys() ?? [])].some((seen) => seen !== root);
  }

  #found(
    validator: ValidatorState,
    offence: Slashing["offence"],
    first: unknown,
    second: unknown,
    at: UnixMs,
  ): void {
    const slashing: Slashing = {
      offence,
      validator: validator.index,
      pubkey: validator.key,
      at,
      first,
      second,
    };
    this.#count++;
    if (this.#slashings.length < SLASHINGS_KEPT) this.#slashings.push(slashing);
    this.#onSlashing(slashing);
  }
}

function voteJson(data: AttestationData): unknown {
  return ssz.phase0.AttestationData.toJson(data);
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}
