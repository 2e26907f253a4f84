import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "../base/index.ts";
import { NodeKey, sha256 } from "../crypto/index.ts";
import { encodeEnr, parseEnr } from "./enr.ts";
import { ClusterError } from "./errors.ts";

/** The example of EIP-778. */
const EXAMPLE =
  "enr:-IS4QHCYrYZbAKWCBRlAy5zzaDZXJBGkcnh4MHcBFZntXNFrdvJjX04jRzjzCBOonrkTfj499SZuOh8R33Ls8RRcy5wBgmlkgnY0gmlwhH8AAAGJc2VjcDI1NmsxoQPKY0yuDUmstAHYpMa2_oxVtw0RW_QAdpzBQA8yWM0xOIN1ZHCCdl8";
const EXAMPLE_KEY = "b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291";

const fromCharon = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/golden/charon-traffic-enrs.json"), "utf8"),
) as string[];

test("the example of EIP-778 is read: key, sequence number and entries", () => {
  const enr = parseEnr(EXAMPLE);
  const key = NodeKey.fromBytes(new Uint8Array(Buffer.from(EXAMPLE_KEY, "hex")));
  assert.equal(toHex(enr.publicKey), toHex(key.publicKey));
  assert.equal(enr.seq, 1n);
  assert.deepEqual([...enr.entries.keys()], ["id", "ip", "secp256k1", "udp"]);
  assert.equal(toHex(enr.entries.get("ip") as Uint8Array), "0x7f000001");
});

test("ENRs of Charon are read, and padding or blanks around them do not matter", () => {
  for (const text of fromCharon) {
    const { publicKey, seq } = parseEnr(text);
    assert.equal(publicKey.length, 33);
    assert.equal(seq, 0n);
    assert.equal(toHex(parseEnr(` ${text}==\n`).publicKey), toHex(publicKey));
  }
});

test("an ENR that we write is read back, and has the form of Charon's", () => {
  for (let i = 0; i < 20; i++) {
    const key = NodeKey.fromBytes(sha256(Uint8Array.of(i)));
    const text = encodeEnr(key);
    assert.equal(toHex(parseEnr(text).publicKey), toHex(key.publicKey));
    assert.ok(text.startsWith("enr:-HW4Q"));
    assert.equal(text.length, fromCharon[0]?.length);
  }
});

test("one changed letter anywhere makes an ENR another one or none, never this key with other content", () => {
  const text = fromCharon[0] as string;
  const body = text.slice(4);
  for (let i = 0; i < body.length; i++) {
    const letter = body[i] === "A" ? "B" : "A";
    const other = `enr:${body.slice(0, i)}${letter}${body.slice(i + 1)}`;
    // The last letter holds bits that belong to no byte.
    if (Buffer.from(other.slice(4), "base64url").equals(Buffer.from(body, "base64url"))) continue;
    assert.throws(() => parseEnr(other), ClusterError, `letter ${i}`);
  }
});

test("what is no ENR is refused with a named error, whatever it is", () => {
  const known = Buffer.from((fromCharon[0] as string).slice(4), "base64url");
  const altered = fc
    .tuple(fc.integer({ min: 0, max: known.length - 1 }), fc.uint8Array({ maxLength: 8 }))
    .map(([at, bytes]) => Buffer.concat([known.subarray(0, at), bytes, known.subarray(at + 1)]))
    .filter((bytes) => !bytes.equals(known));
  const bytes = fc.oneof(
    altered,
    fc.uint8Array({ maxLength: 300 }).map((one) => Buffer.from(one)),
  );
  fc.assert(
    fc.property(bytes, (one) => {
      assert.throws(() => parseEnr(`enr:${one.toString("base64url")}`), ClusterError);
    }),
    { numRuns: 2_000, seed: 7 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      assert.throws(() => parseEnr(text), ClusterError);
      assert.throws(() => parseEnr(`enr:${text}`), ClusterError);
    }),
    { numRuns: 500, seed: 7 },
  );
  assert.throws(() => parseEnr(`enr:${"A".repeat(5_000)}`), ClusterError);
});
