import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../../src/base/index.ts";
import { parseEnr } from "../../src/cluster/index.ts";
import { Envelope, SignedPart } from "../../src/consensus/wire.ts";
import { hashBytesRoot, recoverPublicKey, verifySecp256k1 } from "../../src/crypto/index.ts";
import { canonicalise } from "../../src/duty/index.ts";
import { canonicaliseResult } from "../../src/infosync/index.ts";

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");

test("roots, signatures and recovery agree with what real Charon nodes sent, justifications and values included", () => {
  const keys = (JSON.parse(read("charon-traffic-enrs.json")) as string[]).map(
    (enr) => parseEnr(enr).publicKey,
  );
  const messages = read("charon-traffic-qbft.jsonl")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { hex: string });
  assert.ok(messages.length > 0);
  let values = 0;
  let justifications = 0;
  for (const { hex } of messages) {
    const envelope = Envelope.decode(Buffer.from(hex, "hex"));
    assert.ok(envelope.message);
    const parts = [envelope.message, ...envelope.justification];
    for (const part of parts) {
      const root = hashBytesRoot(SignedPart.encode({ ...part, signature: new Uint8Array(0) }));
      const key = keys[part.peerIndex] as Uint8Array;
      assert.ok(verifySecp256k1(root, key, part.signature));
      assert.deepEqual(recoverPublicKey(root, part.signature), key);
    }
    justifications += envelope.justification.length;
    const named = new Set(parts.flatMap((part) => [toHex(part.valueHash), toHex(part.preparedValueHash)]));
    for (const value of envelope.values) {
      const carried = { typeUrl: value.typeUrl, bytes: value.value };
      const canonical = canonicalise(carried) ?? canonicaliseResult(carried);
      assert.ok(canonical);
      assert.ok(named.has(toHex(hashBytesRoot(canonical.bytes))), "a value that no part names");
      values++;
    }
  }
  assert.ok(values > 0 && justifications > 0);
});
