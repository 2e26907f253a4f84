import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { ClusterError } from "./errors.ts";
import { loadNodeKey, readLock, verifiedCluster } from "./load.ts";
import { VERSIONS } from "./model.ts";
import { parseDefinition, parseLock } from "./read.ts";
import { verifyLock } from "./verify-lock.ts";

const golden = join(import.meta.dirname, "../../test/golden/cluster");
const text = readFileSync(join(golden, "dkg-frost-3-lock.json"), "utf8");

type Json = Record<string, unknown>;

/** The lock with the value at a path (dots between names and indices) replaced; undefined removes it. */
function changed(path: string, value: unknown): string {
  const root = JSON.parse(text) as Json;
  const names = path.split(".");
  const last = names.pop() as string;
  const parent = names.reduce((at, name) => at[name] as Json, root);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return JSON.stringify(root);
}

function failureOf(run: () => unknown): ClusterError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ClusterError, `not a named error: ${String(error)}`);
    return error;
  }
  return assert.fail("nothing was refused");
}

test("a lock in the place of a definition is called one", () => {
  const { code, facts } = failureOf(() => parseDefinition(text));
  assert.deepEqual([code, facts["found"]], ["cluster/malformed", "a cluster lock"]);
});

const wrong: readonly (readonly [path: string, value: unknown, where: string])[] = [
  ["cluster_definition", [], "cluster-lock.cluster_definition"],
  ["cluster_definition.uuid", 7, "cluster-lock.cluster_definition.uuid"],
  ["cluster_definition.uuid", "u".repeat(65), "cluster-lock.cluster_definition.uuid"],
  ["cluster_definition.name", "n".repeat(257), "cluster-lock.cluster_definition.name"],
  ["cluster_definition.name", "ü".repeat(129), "cluster-lock.cluster_definition.name"],
  ["cluster_definition.timestamp", "t".repeat(33), "cluster-lock.cluster_definition.timestamp"],
  ["cluster_definition.dkg_algorithm", "d".repeat(33), "cluster-lock.cluster_definition.dkg_algorithm"],
  [
    "cluster_definition.consensus_protocol",
    "c".repeat(257),
    "cluster-lock.cluster_definition.consensus_protocol",
  ],
  ["cluster_definition.threshold", "3", "cluster-lock.cluster_definition.threshold"],
  ["cluster_definition.threshold", -1, "cluster-lock.cluster_definition.threshold"],
  ["cluster_definition.threshold", 1.5, "cluster-lock.cluster_definition.threshold"],
  ["cluster_definition.num_validators", 4, "cluster-lock.cluster_definition.validators"],
  ["cluster_definition.fork_version", "0x00", "cluster-lock.cluster_definition.fork_version"],
  ["cluster_definition.config_hash", `0x${"00".repeat(33)}`, "cluster-lock.cluster_definition.config_hash"],
  ["cluster_definition.deposit_amounts", [32], "cluster-lock.cluster_definition.deposit_amounts"],
  ["cluster_definition.operators", {}, "cluster-lock.cluster_definition.operators"],
  [
    "cluster_definition.operators",
    Array.from({ length: 257 }, () => ({})),
    "cluster-lock.cluster_definition.operators",
  ],
  [
    "cluster_definition.operators.2.enr",
    `enr:${"A".repeat(1024)}`,
    "cluster-lock.cluster_definition.operators[2].enr",
  ],
  ["cluster_definition.operators.1.address", "0x12", "cluster-lock.cluster_definition.operators[1].address"],
  [
    "cluster_definition.operators.0.enr_signature",
    "0x1234",
    "cluster-lock.cluster_definition.operators[0].enr_signature",
  ],
  [
    "cluster_definition.creator.config_signature",
    `0x${"00".repeat(33 * 65)}`,
    "cluster-lock.cluster_definition.creator.config_signature",
  ],
  [
    "cluster_definition.validators.0.fee_recipient_address",
    "nobody",
    "cluster-lock.cluster_definition.validators[0].fee_recipient_address",
  ],
  ["lock_hash", "0x12", "cluster-lock.lock_hash"],
  ["lock_hash", undefined, "cluster-lock.lock_hash"],
  ["signature_aggregate", "0xzz", "cluster-lock.signature_aggregate"],
  ["node_signatures", "x", "cluster-lock.node_signatures"],
  ["distributed_validators.1", null, "cluster-lock.distributed_validators[1]"],
  [
    "distributed_validators.1.distributed_public_key",
    "0x12",
    "cluster-lock.distributed_validators[1].distributed_public_key",
  ],
  [
    "distributed_validators.0.builder_registration.message.gas_limit",
    "30000000",
    "cluster-lock.distributed_validators[0].builder_registration.message.gas_limit",
  ],
  [
    "distributed_validators.0.partial_deposit_data.0.amount",
    "18446744073709551616",
    "cluster-lock.distributed_validators[0].partial_deposit_data[0].amount",
  ],
];

for (const [path, value, where] of wrong) {
  const shown = (JSON.stringify(value) ?? "nothing").slice(0, 24);
  test(`a lock with ${path} ${shown} is refused by the name of the field`, () => {
    const error = failureOf(() => parseLock(changed(path, value)));
    assert.equal(error.code, "cluster/malformed");
    assert.equal(error.facts["where"], where);
    assert.ok(error.hint !== undefined);
  });
}

test("before v1.11 a wallet signature is one signature", () => {
  const definition = JSON.parse(readFileSync(join(golden, "cluster_definition_v1_10_0.json"), "utf8")) as {
    operators: Json[];
  };
  (definition.operators[0] as Json)["config_signature"] = `0x${"00".repeat(130)}`;
  const error = failureOf(() => parseDefinition(JSON.stringify(definition)));
  assert.equal(error.facts["where"], "cluster-definition.operators[0].config_signature");
});

test("a version that we do not know is refused with those that we do", () => {
  for (const version of ["v0.9.0", "v1.12.0", "", "v1.10.0 "]) {
    const error = failureOf(() => parseLock(changed("cluster_definition.version", version)));
    assert.equal(error.code, "cluster/unsupported-version");
    assert.deepEqual(error.facts["supported"], VERSIONS);
  }
});

test("what is no JSON object at all is refused", () => {
  for (const other of ["", "{", "[]", "null", "7", '"lock"'])
    assert.equal(failureOf(() => parseLock(other)).code, "cluster/malformed");
});

test("whatever is put in a field, the lock verifies, or is refused with a named error", () => {
  const paths: string[] = [];
  const collect = (at: unknown, path: string): void => {
    if (typeof at === "object" && at !== null)
      for (const [name, inner] of Object.entries(at)) collect(inner, path === "" ? name : `${path}.${name}`);
    if (path !== "") paths.push(path);
  };
  collect(JSON.parse(text), "");
  const junk = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      "0x",
      `0x${"ff".repeat(48)}`,
      `0x${"c0"}${"00".repeat(47)}`,
      "x".repeat(2_000),
      2 ** 53,
      -1,
    ),
    fc.string().map((inside) => `0x${Buffer.from(inside).toString("hex")}`),
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), junk, (path, value) => {
      const altered = changed(path, value);
      try {
        verifyLock(parseLock(altered));
      } catch (error) {
        assert.ok(error instanceof ClusterError, `${path} = ${JSON.stringify(value)}: ${String(error)}`);
      }
    }),
    { numRuns: 400, seed: 7 },
  );
});

test("a file is named in the error: one that is missing, one that is wrong, a key that is none", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-cluster-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "cluster-lock.json");
  const missing = failureOf(() => readLock(path));
  assert.equal(missing.code, "cluster/missing");
  assert.equal(missing.facts["path"], path);

  writeFileSync(path, changed("lock_hash", "0x12"));
  const malformed = failureOf(() => readLock(path));
  assert.equal(malformed.code, "cluster/malformed");
  assert.equal(malformed.facts["path"], path);

  writeFileSync(path, changed("cluster_definition.name", "other"));
  assert.equal(failureOf(() => verifiedCluster(readLock(path))).code, "cluster/hash-differs");
  const told: string[] = [];
  const cluster = verifiedCluster(readLock(path), { onUnverified: ({ code }) => told.push(code) });
  assert.deepEqual(told, ["cluster/hash-differs"]);
  assert.equal(cluster.name, "other");

  const key = join(folder, "key");
  assert.equal(failureOf(() => loadNodeKey(key)).code, "cluster/missing");
  writeFileSync(key, "0x1234");
  assert.equal(failureOf(() => loadNodeKey(key)).code, "cluster/malformed");
});
