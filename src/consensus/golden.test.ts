import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex, toHex } from "../base/index.ts";
import { parseEnr } from "../cluster/index.ts";
import { encodeUnsignedAttestation } from "../duty/codec/attestation.ts";
import { UnsignedDataSetMessage } from "../duty/codec/wire.ts";
import { canonicalise } from "../duty/index.ts";
import { canonicaliseResult } from "../infosync/index.ts";
import { type GroupKey, ssz } from "../spec/index.ts";
import { Envelope, hashValue, kindOf, type SignedPart, verifyPart } from "./wire.ts";

// Messages that real Charon nodes sent, with what an independent decoder read in them.

interface Recorded {
  readonly from: string;
  readonly hex: string;
  readonly decoded: {
    readonly duty: string;
    readonly type: string;
    readonly peer_idx: number;
    readonly round: number;
    readonly justifications: number;
    readonly values: readonly { readonly hash: string }[];
  };
}

const golden = join(import.meta.dirname, "../../test/golden");
const publicKeys = (
  JSON.parse(readFileSync(join(golden, "charon-traffic-enrs.json"), "utf8")) as string[]
).map((enr) => parseEnr(enr).publicKey);

function readRecorded(path: string): Recorded[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Recorded & { readonly protocol?: string })
    .filter(({ protocol }) => protocol === undefined || protocol === "qbft");
}

const recorded = readRecorded(join(golden, "charon-traffic-qbft.jsonl"));
const all = sharedPath("fixtures/charon-traffic/traffic.jsonl");

/** All signed parts of a message: its own and its justifications. */
function partsOf(bytes: Uint8Array): readonly SignedPart[] {
  const { message, justification } = Envelope.decode(bytes);
  assert.ok(message !== undefined);
  return [message, ...justification];
}

function isSignedByItsAuthor(part: SignedPart): boolean {
  return verifyPart(part, publicKeys[part.peerIndex] ?? new Uint8Array(33));
}

/** Decodes, encodes, verifies and hashes one message as Charon does. */
function checkMessage({ from, hex, decoded }: Recorded): void {
  const where = `${decoded.duty} ${decoded.type} from ${from}`;
  const bytes = fromHex(hex);
  const envelope = Envelope.decode(bytes);
  assert.equal(toHex(Envelope.encode(envelope)), toHex(bytes), `${where}: encoded again`);

  const [message, ...justification] = partsOf(bytes) as [SignedPart, ...SignedPart[]];
  assert.equal(kindOf(message.type)?.replace("-", "_"), decoded.type, where);
  assert.equal(message.peerIndex, decoded.peer_idx, where);
  assert.equal(`node${message.peerIndex}`, from, where);
  assert.equal(message.round, decoded.round, where);
  assert.equal(String(message.duty?.slot ?? 0), decoded.duty.split("/")[0], where);
  assert.equal(justification.length, decoded.justifications, where);
  for (const part of [message, ...justification]) assert.ok(isSignedByItsAuthor(part), `${where}: signature`);

  const hashes = envelope.values.map(({ typeUrl, value }) => {
    const carried = { typeUrl, bytes: value };
    const canonical = canonicalise(carried) ?? canonicaliseResult(carried);
    assert.ok(canonical !== undefined, `${where}: a value of a known type`);
    return toHex(hashValue(canonical)).slice(2);
  });
  assert.deepEqual(
    hashes,
    decoded.values.map(({ hash }) => hash),
    where,
  );
}

test("messages of real Charon nodes decode, verify, hash and encode again to the same bytes", () => {
  assert.equal(recorded.length, 40);
  for (const message of recorded) checkMessage(message);
});

test("every consensus message of the whole recording does so too", {
  skip: all === undefined ? missingShared("fixtures/charon-traffic/traffic.jsonl") : false,
}, () => {
  const messages = readRecorded(all ?? "");
  assert.equal(messages.length, 311);
  for (const message of messages) checkMessage(message);
});

test("a change in any signed field or in the signature makes the signature wrong", () => {
  const flip = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const prepared = recorded.flatMap(({ hex }) => partsOf(fromHex(hex)));
  for (const part of prepared.slice(0, 12)) {
    assert.ok(isSignedByItsAuthor(part));
    const { duty } = part;
    assert.ok(duty !== undefined);
    const changed: Record<string, Partial<SignedPart>> = {
      type: { type: part.type === 1 ? 2 : 1 },
      slot: { duty: { ...duty, slot: duty.slot + 1 } },
      kind: { duty: { ...duty, type: duty.type + 1 } },
      "no duty": { duty: undefined },
      round: { round: part.round + 1 },
      "prepared round": { preparedRound: part.preparedRound + 1 },
      "value hash": { valueHash: flip(part.valueHash, 31) },
      "no value hash": { valueHash: new Uint8Array(0) },
      "prepared value hash": { preparedValueHash: flip(part.preparedValueHash, 0) },
      "first half of the signature": { signature: flip(part.signature, 5) },
      "second half of the signature": { signature: flip(part.signature, 40) },
      "no signature": { signature: new Uint8Array(0) },
      "a short signature": { signature: part.signature.subarray(0, 64) },
    };
    for (const [what, change] of Object.entries(changed))
      assert.ok(!isSignedByItsAuthor({ ...part, ...change }), what);
    // In another's name: the digest differs, and so does the key.
    for (const [peerIndex, publicKey] of publicKeys.entries())
      if (peerIndex !== part.peerIndex) {
        assert.ok(!isSignedByItsAuthor({ ...part, peerIndex }));
        assert.ok(!verifyPart(part, publicKey));
      }
  }
});

// core/consensus/qbft TestHashProto: the set as Charon's golden file shows it, and the hash that its test expects.
const hashed = sharedPath("vectors/charon/qbft/TestHashProto.golden");
test("the hash of Charon's own test vector is ours", {
  skip: hashed === undefined ? missingShared("vectors/charon/qbft/TestHashProto.golden") : false,
}, () => {
  type Golden = { attestation_data: unknown; attestation_duty: Record<string, string> };
  const set = JSON.parse(readFileSync(hashed ?? "", "utf8")) as Record<string, Golden>;
  const entries = Object.entries(set).map(([groupKey, { attestation_data, attestation_duty: of }]) => {
    const bytes = encodeUnsignedAttestation({
      data: ssz.phase0.AttestationData.fromJson(attestation_data),
      duty: {
        pubkey: of["pubkey"] as GroupKey,
        slot: Number(of["slot"]),
        validatorIndex: Number(of["validator_index"]),
        committeeIndex: Number(of["committee_index"]),
        committeeLength: Number(of["committee_length"]),
        committeesAtSlot: Number(of["committees_at_slot"]),
        validatorCommitteeIndex: Number(of["validator_committee_index"]),
      },
    });
    return [groupKey, bytes] as const;
  });
  const bytes = UnsignedDataSetMessage.encode({ set: new Map(entries) });
  assert.equal(
    toHex(hashValue({ typeUrl: "type.googleapis.com/core.corepb.v1.UnsignedDataSet", bytes })),
    "0xd8f9bc3de8b0cb0e3eb1f773c14a96d58f7acaf0f09192ce6562d84ea315e67b",
  );
});
