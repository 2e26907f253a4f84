import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BitArray, type ChainSpec, ForkName, type GroupKey, readChainSpec, ssz } from "../spec/index.ts";
import { acceptableVotes, isSignableVote } from "./accept.ts";
import { attestationSigningRoot, type UnsignedAttestation } from "./codec/attestation.ts";
import { type SignedAggregateVersioned, signedCodecs, unsignedCodecs } from "./codec/kinds.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "./codec/sets.ts";

const golden = join(import.meta.dirname, "../../test/golden/duty");
const dataOf = (name: string): never =>
  (JSON.parse(readFileSync(join(golden, name), "utf8")) as { data: never }).data;
/** A chain in which the fork after Fulu begins with an epoch. */
const withGloasFrom = (epoch: number): ChainSpec =>
  readChainSpec(
    {
      ...(dataOf("spec.json") as Record<string, unknown>),
      GLOAS_FORK_EPOCH: String(epoch),
      GLOAS_FORK_VERSION: "0x70000000",
    },
    dataOf("genesis.json"),
  );
const EPOCH = 3;
const SLOT = EPOCH * 32 + 5;

function vote(index: number): UnsignedAttestation {
  const data = ssz.phase0.AttestationData.defaultValue();
  data.slot = SLOT;
  data.index = index;
  data.source.epoch = EPOCH - 1;
  data.target.epoch = EPOCH;
  const duty = {
    pubkey: `0x${"ab".repeat(48)}` as GroupKey,
    slot: SLOT,
    validatorIndex: 7,
    committeeIndex: 2,
    committeeLength: 8,
    committeesAtSlot: 4,
    validatorCommitteeIndex: 3,
  };
  return { data, duty };
}
const signable = (chain: ChainSpec): number[] =>
  [0, 1, 2, 3].filter((index) => isSignableVote(chain, SLOT, vote(index)));

test("the index of a vote is nothing since Electra, and from Gloas on one of two words about the payload", () => {
  assert.deepEqual(signable(withGloasFrom(EPOCH + 1)), [0]);
  assert.deepEqual(signable(withGloasFrom(EPOCH)), [0, 1]);
});

test("votes that differ in their index alone are two votes: agreed on apart, and signed as two roots", () => {
  const chain = withGloasFrom(EPOCH);
  const [full, empty] = [vote(1), vote(0)];
  assert.notDeepEqual(
    attestationSigningRoot(chain, full.data),
    attestationSigningRoot(chain, empty.data),
    "the slashing memory takes the second for a double vote",
  );
  const key = full.duty.pubkey;
  const value = encodeUnsignedSet("attester", new Map([[key, full]]));
  assert.equal(decodeUnsignedSet("attester", value).get(key)?.data.index, 1);
  assert.notDeepEqual(unsignedCodecs.attester.encode(full), unsignedCodecs.attester.encode(empty));
  const duties = new Map([[key, full.duty]]);
  assert.ok(
    acceptableVotes(chain, { slot: SLOT, kind: "attester" }, duties, value, {
      complete: true,
      elsewhere: () => false,
    }),
  );
});

test("an aggregate is hashed by the container of its own fork", () => {
  const chain = withGloasFrom(EPOCH);
  const signed = (fork: ForkName): SignedAggregateVersioned => {
    const value = ssz.gloas.SignedAggregateAndProof.defaultValue();
    value.message.aggregate.data = vote(1).data;
    value.message.aggregate.aggregationBits = BitArray.fromSingleBit(8, 3);
    return { fork, value };
  };
  assert.notDeepEqual(
    signedCodecs.aggregator.signingRoot(signed(ForkName.gloas), chain),
    signedCodecs.aggregator.signingRoot(signed(ForkName.fulu), chain),
    "Gloas hashes lists in another way",
  );
  const bytes = signedCodecs.aggregator.encode(signed(ForkName.gloas));
  assert.equal(signedCodecs.aggregator.decode(bytes).fork, "gloas");
});
