import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingShared, sharedPath } from "../../../test/shared.ts";
import { equalBytes, fromHex, proto, toHex } from "../../base/index.ts";
import { verifyAll } from "../../crypto/index.ts";
import {
  type ChainSpec,
  countItems,
  dutyMetricName,
  dutyName,
  type GroupKey,
  readChainSpec,
  ssz,
} from "../../spec/index.ts";
import { LIMITS } from "../limits.ts";
import { type AgreedKind, signedCodecOf, signedCodecs, unsignedCodecs } from "./kinds.ts";
import {
  canonicalise,
  decodePartials,
  decodeUnsignedSet,
  type EncodedPartial,
  encodePartials,
  encodeUnsignedSet,
} from "./sets.ts";
import { UNSIGNED_DATA_SET_URL } from "./wire.ts";

const golden = join(import.meta.dirname, "../../../test/golden/duty");
const read = (name: string): string => readFileSync(join(golden, name), "utf8");
const dataOf = (name: string): never => (JSON.parse(read(name)) as { data: never }).data;
const chain: ChainSpec = readChainSpec(dataOf("spec.json"), dataOf("genesis.json"));
const publicShares = JSON.parse(read("public-shares.json")) as Record<string, string[]>;

interface Recorded {
  readonly protocol: string;
  readonly from: number;
  readonly duty: string;
  readonly hex: string;
}
const parse = (text: string): Recorded[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { decoded, ...rest } = JSON.parse(line) as Recorded & { decoded?: { duty?: string } };
      return { ...rest, duty: rest.duty ?? decoded?.duty ?? "" };
    });
const everything = sharedPath("fixtures/charon-traffic/traffic.jsonl");
const recorded: readonly (readonly [string, Recorded[], string | undefined])[] = [
  ["golden subset", parse(read("charon-traffic.jsonl")), undefined],
  [
    "all recorded traffic",
    everything === undefined ? [] : parse(readFileSync(everything, "utf8")),
    everything === undefined ? missingShared("fixtures/charon-traffic/traffic.jsonl") : undefined,
  ],
];

const byKey = (a: EncodedPartial, b: EncodedPartial): number => (a.groupKey < b.groupKey ? -1 : 1);
const QbftMessage = proto.message({ values: proto.repeated(3, proto.Any) });

for (const [name, messages, skip] of recorded) {
  test(`partial signatures of real Charon nodes decode, verify and encode to the same bytes (${name})`, {
    skip,
  }, () => {
    const kinds = new Set<string>();
    const sets: { publicKey: Uint8Array; root: Uint8Array; signature: Uint8Array }[] = [];
    for (const { hex, duty: want } of messages.filter((m) => m.protocol === "parsigex")) {
      const bytes = fromHex(hex);
      const { duty, partials } = decodePartials(bytes);
      assert.equal(`${duty.slot}/${dutyMetricName(duty.kind)}`, want);
      for (const partial of partials) {
        const codec = signedCodecOf(duty.kind);
        const value = codec.decode(partial.data);
        assert.ok(
          equalBytes(codec.signature(value), partial.signature),
          "the signature stands inside and beside",
        );
        const root = codec.signingRoot(value, chain);
        assert.ok(root !== undefined);
        const publicShare = publicShares[partial.groupKey]?.[partial.share - 1];
        assert.ok(publicShare !== undefined);
        sets.push({ publicKey: fromHex(publicShare), root, signature: partial.signature });
        assert.equal(toHex(codec.encode(value)), toHex(partial.data), dutyName(duty));
      }
      const again = encodePartials(duty, partials);
      assert.equal(again.length, bytes.length);
      assert.deepEqual(decodePartials(again).partials.toSorted(byKey), partials.toSorted(byKey));
      kinds.add(duty.kind);
    }
    assert.equal(kinds.size, 8);
    assert.equal(verifyAll(sets), true);
  });

  test(`agreed values of real Charon nodes decode and encode to the same bytes (${name})`, { skip }, () => {
    const kinds = new Set<string>();
    for (const { hex, duty } of messages.filter((m) => m.protocol === "qbft")) {
      for (const any of QbftMessage.decode(fromHex(hex)).values) {
        const value = { typeUrl: any.typeUrl, bytes: any.value };
        if (value.typeUrl !== UNSIGNED_DATA_SET_URL) continue; // What operators can do: room infosync.
        // Go writes map entries in any order; what is hashed has them sorted.
        const canonical = canonicalise(value);
        assert.ok(canonical !== undefined);
        assert.equal(canonical.bytes.length, value.bytes.length);
        assert.deepEqual(canonicalise(canonical), canonical);
        const charonKind = duty.split("/")[1] ?? "";
        kinds.add(charonKind);
        const kind = charonKind.replaceAll("_", "-") as AgreedKind;
        const set = decodeUnsignedSet(kind, value);
        assert.equal(toHex(encodeUnsignedSet(kind, set as never).bytes), toHex(canonical.bytes), duty);
      }
    }
    assert.deepEqual([...kinds].toSorted(), ["aggregator", "attester", "proposer", "sync_contribution"]);
  });
}

const vectors = sharedPath("vectors/charon/core");

test("JSON golden files of Charon decode, and JSON kinds encode to the same text", {
  skip: vectors === undefined ? missingShared("vectors/charon/core") : false,
}, () => {
  // The golden values are random and beyond 2^53, which no slot or index is; they are cut before the comparison.
  const load = (name: string): string =>
    readFileSync(
      join(vectors ?? "", `TestJSONSerialisation_${name.includes(".") ? name : `${name}.json`}.golden`),
      "utf8",
    ).replaceAll(/"(\d{15})\d+"/g, '"$1"');
  const same = (kind: Parameters<typeof signedCodecOf>[0], name: string): void => {
    const text = JSON.stringify(JSON.parse(load(name)));
    const codec = signedCodecOf(kind);
    const encoded = codec.encode(codec.decode(Buffer.from(text)));
    assert.equal(Buffer.from(encoded).toString(), text, name);
  };
  same("randao", "SignedRandao");
  same("exit", "SignedVoluntaryExit");
  same("prepare-aggregator", "BeaconCommitteeSelection");
  same("prepare-sync-contribution", "SyncCommitteeSelection");
  same("signature", "Signature");

  // What Charon reads as JSON although it writes SSZ: the SSZ of what we read is read again as the same value.
  const signed = (kind: Parameters<typeof signedCodecOf>[0], name: string): void => {
    const codec = signedCodecOf(kind);
    const value = codec.decode(Buffer.from(load(name)));
    assert.deepEqual(codec.decode(codec.encode(value)), value, name);
  };
  signed("attester", "VersionedAttestation");
  signed("sync-message", "SignedSyncMessage");
  signed("aggregator", "VersionedSignedAggregateAndProof");
  signed("sync-contribution", "SignedSyncContributionAndProof");
  signed("proposer", "VersionedSignedProposal.json#01");
  const attestation = unsignedCodecs.attester.decode(Buffer.from(load("AttestationData")));
  assert.deepEqual(unsignedCodecs.attester.decode(unsignedCodecs.attester.encode(attestation)), attestation);
});

test("data that is not the one encoding of its value is refused", () => {
  const messages = parse(read("charon-traffic.jsonl")).filter((m) => m.protocol === "parsigex");
  for (const { hex } of messages) {
    const { duty, partials } = decodePartials(fromHex(hex));
    const codec = signedCodecOf(duty.kind);
    for (const { data } of partials) {
      if (data[0] === 0x7b) continue; // JSON may have spaces at its end.
      assert.throws(() => codec.decode(new Uint8Array([...data, 0])), { code: "duty/malformed" }, duty.kind);
      assert.throws(() => codec.decode(data.slice(0, 30)), /decode/, duty.kind);
      assert.throws(() => codec.decode(new Uint8Array()), /decode/, duty.kind);
    }
  }
});

test("hostile sets of partial signatures are refused", () => {
  const key = `0x${"ab".repeat(48)}` as GroupKey;
  const partial = {
    groupKey: key,
    share: 1 as never,
    signature: new Uint8Array(96),
    data: new Uint8Array(3),
  };
  const duty = { slot: 1, kind: "attester" as const };
  assert.throws(() => decodePartials(encodePartials(duty, [])), { code: "duty/malformed" });
  assert.throws(() => decodePartials(new Uint8Array()), { code: "duty/malformed" });
  assert.throws(() => decodePartials(Uint8Array.of(0xff)), { code: "base/not-protobuf" });
  for (const name of ["0x", key.toUpperCase(), `${key}00`, "__proto__"])
    assert.throws(() => decodePartials(encodePartials(duty, [{ ...partial, groupKey: name as GroupKey }])), {
      code: "duty/malformed",
    });
});

test("two encodings of one value are one value", () => {
  const entry = (id: number): number[] => [0x0a, 0x06, 0x0a, 0x01, id, 0x12, 0x01, id];
  const typeUrl = "type.googleapis.com/core.corepb.v1.UnsignedDataSet";
  const sorted = canonicalise({ typeUrl, bytes: Uint8Array.from([...entry(1), ...entry(2)]) });
  const unsorted = canonicalise({ typeUrl, bytes: Uint8Array.from([...entry(2), ...entry(1)]) });
  assert.deepEqual(unsorted, sorted);
  assert.equal(
    canonicalise({ typeUrl: "type.googleapis.com/google.protobuf.Any", bytes: new Uint8Array() }),
    undefined,
  );
  assert.equal(canonicalise({ typeUrl, bytes: Uint8Array.of(7, 7, 7) }), undefined);
});

test("a value about more validators than there are is not decoded", () => {
  const typeUrl = "type.googleapis.com/core.corepb.v1.UnsignedDataSet";
  const entries = (count: number): Uint8Array =>
    Uint8Array.from({ length: 5 * count }, (_, i) => [0x0a, 3, 0x0a, 1, i / 5][i % 5] as number);
  assert.ok(canonicalise({ typeUrl, bytes: entries(100) }, 100) !== undefined);
  assert.equal(canonicalise({ typeUrl, bytes: entries(200) }, 100), undefined);
});

test("SSZ that begins like JSON is read as SSZ", () => {
  for (const slot of [0x22, 0x5b, 0x7b]) {
    const message = {
      slot,
      beaconBlockRoot: new Uint8Array(32),
      validatorIndex: 1,
      signature: new Uint8Array(96),
    };
    const codec = signedCodecs["sync-message"];
    assert.deepEqual(codec.decode(codec.encode(message)), message);
  }
});

// A million transactions of no bytes are a message of 4 MB that held the event loop for more than ten seconds.
test("a block of more transactions than any chain has gas for is refused before it is read", () => {
  const block = ssz.fulu.BeaconBlock.defaultValue();
  const proposal = { fork: "fulu", blinded: false, block, kzgProofs: [], blobs: [] } as const;
  const signed = { ...proposal, signedBlock: { message: block, signature: new Uint8Array(96) } };
  for (const [count, taken] of [
    [10_000, true],
    [LIMITS.blockItemsMax + 1, false],
  ] as const) {
    block.body.executionPayload.transactions = Array.from({ length: count }, () => new Uint8Array(0));
    const blocks = [
      () => unsignedCodecs.proposer.decode(unsignedCodecs.proposer.encode(proposal)),
      () => signedCodecs.proposer.decode(signedCodecs.proposer.encode(signed)),
    ];
    for (const decode of blocks)
      if (taken) assert.doesNotThrow(decode);
      else assert.throws(decode, { code: "duty/malformed" });
  }
});

test("the items of a block are counted in all of its lists, and offsets that lead nowhere give none", () => {
  const contents = ssz.fulu.BlockContents.defaultValue();
  contents.kzgProofs = [1, 2].map(() => new Uint8Array(48));
  contents.blobs = [new Uint8Array(131_072)];
  contents.block.body.executionPayload.transactions = [1, 2, 3].map((length) => new Uint8Array(length));
  const bytes = ssz.fulu.BlockContents.serialize(contents);
  assert.equal(countItems(ssz.fulu.BlockContents, bytes), 6);
  assert.throws(() =>
    countItems(
      ssz.fulu.BlockContents,
      bytes.map(() => 0xff),
    ),
  );
  assert.throws(() => countItems(ssz.fulu.BlockContents, bytes.subarray(0, 7)));
});

test("JSON of a few members that is longer than such JSON can be is refused", () => {
  const one = signedCodecs.exit.encode({
    message: { epoch: 1, validatorIndex: 2 },
    signature: new Uint8Array(96).fill(1),
  });
  const padded = (length: number): Uint8Array =>
    new Uint8Array(Buffer.concat([one, Buffer.alloc(length - one.length, " ")]));
  assert.ok(signedCodecs.exit.decode(padded(2_048)));
  assert.throws(() => signedCodecs.exit.decode(padded(2_049)), { code: "duty/malformed" });
});

test("JSON of a size or a shape that no honest operator sends is refused before it is parsed", (t) => {
  const parse = t.mock.method(JSON, "parse");
  const shapes = {
    large: `{"a":"${"0".repeat(200_000)}"}`,
    objects: `[${"{},".repeat(30_000)}{}]`,
    deep: "[".repeat(50_000) + "]".repeat(50_000),
  };
  for (const [shape, text] of Object.entries(shapes))
    for (const [kind, codec] of [...Object.entries(unsignedCodecs), ...Object.entries(signedCodecs)]) {
      if (shape === "large" && kind === "proposer") continue; // Blocks are large.
      assert.throws(() => codec.decode(new Uint8Array(Buffer.from(text))), { code: "duty/malformed" });
      assert.equal(parse.mock.callCount(), 0, `${shape} ${kind}`);
    }
});
