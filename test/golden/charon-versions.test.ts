import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { equalBytes, fromHex, toHex } from "../../src/base/index.ts";
import { parseEnr } from "../../src/cluster/index.ts";
import {
  Envelope,
  hashValue,
  kindOf,
  type SignedPart,
  valueName,
  verifyPart,
} from "../../src/consensus/wire.ts";
import { verifyAll } from "../../src/crypto/index.ts";
import { signedCodecOf } from "../../src/duty/codec/kinds.ts";
import { canonicalise, decodePartials, encodePartials } from "../../src/duty/index.ts";
import { faultOf } from "../../src/infosync/calculate.ts";
import { canonicaliseResult } from "../../src/infosync/index.ts";
import { isSignedBy, PriorityMessage } from "../../src/infosync/wire.ts";
import { peerIdOf } from "../../src/p2p/index.ts";
import { readPeerInfo } from "../../src/p2p/peerinfo.ts";
import { dutyMetricName, readChainSpec } from "../../src/spec/index.ts";

// What nodes of several releases of Charon sent on the simulated chain, alone and beside Triremes, recorded with
// test/interop/record.ts: one message of each kind. Each is decoded, verified and encoded again as a Charon would have it.

interface Header {
  readonly enrs: readonly string[];
  readonly publicShares: Readonly<Record<string, readonly string[]>>;
  readonly spec: Parameters<typeof readChainSpec>[0];
  readonly genesis: Parameters<typeof readChainSpec>[1];
}
interface Line {
  readonly from: string;
  readonly protocol: "qbft" | "parsigex" | "priority" | "peerinfo";
  readonly duty?: string;
  readonly type?: string;
  readonly hex: string;
}

/** By file: which version its Charons say they are, and of which duties there are partial signatures in it. */
const recordings: Readonly<Record<string, { readonly version: RegExp; readonly kinds: readonly string[] }>> =
  {
    "charon-traffic-v1.9.jsonl": {
      version: /^v1\.9\.5$/,
      kinds: ["prepare-aggregator", "proposer", "randao", "sync-message"],
    },
    "charon-traffic-v1.10.jsonl": {
      version: /^v1\.10\.3$/,
      kinds: ["prepare-aggregator", "proposer", "randao", "sync-message"],
    },
  };

for (const [file, { version, kinds }] of Object.entries(recordings)) {
  const [header, ...lines] = readFileSync(join(import.meta.dirname, file), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line)) as [Header, ...Line[]];
  const keys = header.enrs.map((enr) => parseEnr(enr).publicKey);
  const of = (protocol: Line["protocol"]): readonly Line[] =>
    lines.filter((line) => line.protocol === protocol);
  const author = ({ from }: Line): number => Number(from.replace("node", ""));

  test(`${file}: consensus messages decode, verify and encode to the same bytes, and the values they name are carried`, () => {
    const seen = new Set<string>();
    for (const line of of("qbft")) {
      const where = `${line.duty} ${line.type} from ${line.from}`;
      const bytes = fromHex(line.hex);
      const envelope = Envelope.decode(bytes);
      assert.equal(toHex(Envelope.encode(envelope)), toHex(bytes), where);
      const { message } = envelope;
      assert.ok(message !== undefined, where);
      assert.equal(message.peerIndex, author(line), where);
      const parts = [message, ...envelope.justification];
      for (const part of parts) assert.ok(isGenuine(part, keys), `${where}: signature`);
      const carried = envelope.values.map(({ typeUrl, value }) => {
        const canonical =
          canonicalise({ typeUrl, bytes: value }) ?? canonicaliseResult({ typeUrl, bytes: value });
        assert.ok(canonical !== undefined, `${where}: a value of a known type`);
        return valueName(hashValue(canonical));
      });
      for (const part of parts)
        for (const hash of [part.valueHash, part.preparedValueHash])
          assert.ok(valueName(hash) === "" || carried.includes(valueName(hash)), `${where}: its value`);
      seen.add(kindOf(message.type) ?? "none");
    }
    for (const kind of ["pre-prepare", "prepare", "commit"]) assert.ok(seen.has(kind), kind);
  });

  test(`${file}: partial signatures decode, verify against their public shares and encode to the same bytes`, () => {
    const chain = readChainSpec(header.spec, header.genesis);
    const seen = new Set<string>();
    const sets: { publicKey: Uint8Array; root: Uint8Array; signature: Uint8Array }[] = [];
    for (const line of of("parsigex")) {
      const bytes = fromHex(line.hex);
      const { duty, partials } = decodePartials(bytes);
      assert.equal(`${duty.slot}/${dutyMetricName(duty.kind)}`, line.duty);
      for (const { groupKey, share, data, signature } of partials) {
        assert.equal(share, author(line) + 1);
        const codec = signedCodecOf(duty.kind);
        const value = codec.decode(data);
        assert.ok(equalBytes(codec.signature(value), signature));
        assert.equal(toHex(codec.encode(value)), toHex(data), line.duty);
        const root = codec.signingRoot(value, chain);
        const publicShare = header.publicShares[groupKey]?.[share - 1];
        assert.ok(root !== undefined && publicShare !== undefined);
        sets.push({ publicKey: fromHex(publicShare), root, signature });
      }
      assert.equal(encodePartials(duty, partials).length, bytes.length);
      seen.add(duty.kind);
    }
    assert.deepEqual([...seen].toSorted(), kinds);
    assert.equal(verifyAll(sets), true);
  });

  test(`${file}: what operators can do is read and verified`, () => {
    assert.ok(of("priority").length > 0);
    for (const line of of("priority")) {
      const message = PriorityMessage.decode(fromHex(line.hex));
      const key = keys[author(line)] as Uint8Array;
      assert.equal(toHex(PriorityMessage.encode(message)), `0x${line.hex}`);
      assert.equal(message.peerId, peerIdOf(key));
      assert.equal(faultOf(message), undefined);
      assert.ok(isSignedBy(message, key));
    }
  });

  test(`${file}: what nodes say about themselves is read`, () => {
    assert.ok(of("peerinfo").length > 0);
    for (const line of of("peerinfo")) {
      const info = readPeerInfo(fromHex(line.hex));
      assert.ok(info !== undefined);
      if (info.client !== "trireme") assert.match(info.version, version);
    }
  });
}

test("every recording is tested", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^charon-traffic-v.*\.jsonl$/.test(name));
  assert.deepEqual(files.toSorted(), Object.keys(recordings).toSorted());
});

const isGenuine = (part: SignedPart, keys: readonly Uint8Array[]): boolean =>
  verifyPart(part, keys[part.peerIndex] ?? new Uint8Array(33));
