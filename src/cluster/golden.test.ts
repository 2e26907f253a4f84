import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex, toHex } from "../base/index.ts";
import { verify } from "../crypto/index.ts";
import { createCluster } from "./create.ts";
import { depositSigningRoot, writeDepositFile } from "./deposit.ts";
import { configHash, definitionHash } from "./hash.ts";
import { lockHash } from "./hash-lock.ts";
import { readKeystores } from "./keystore-files.ts";
import { clusterOf, loadNodeKey, operatorOfKey, readLock, verifiedCluster } from "./load.ts";
import { VERSIONS } from "./model.ts";
import { parseDefinition, parseLock } from "./read.ts";
import { verifyLock } from "./verify-lock.ts";
import { writeDefinition, writeLock } from "./write.ts";

// Files that Charon wrote: its own test data (random content, so signatures in them are not real) and real clusters.

const golden = join(import.meta.dirname, "../../test/golden/cluster");
const read = (name: string): string => readFileSync(join(golden, name), "utf8");
const fileOf = (kind: "definition" | "lock", version: string): string =>
  read(`cluster_${kind}_${version.replaceAll(".", "_")}.json`);

for (const version of VERSIONS) {
  test(`a definition of ${version} has Charon's hashes and is written back byte for byte`, () => {
    const text = fileOf("definition", version);
    const definition = parseDefinition(text);
    assert.equal(definition.version, version);
    assert.equal(toHex(configHash(definition)), toHex(definition.configHash));
    assert.equal(toHex(definitionHash(definition)), toHex(definition.definitionHash));
    assert.equal(writeDefinition(definition), text.trimEnd());
  });

  test(`a lock of ${version} has Charon's hash and is written back byte for byte`, () => {
    const text = fileOf("lock", version);
    const lock = parseLock(text);
    assert.equal(toHex(lockHash(lock)), toHex(lock.lockHash));
    assert.equal(writeLock(lock), text.trimEnd());
  });
}

for (const name of ["split-16-lock.json", "dkg-frost-3-lock.json"]) {
  test(`${name} of a real cluster verifies completely and is written back byte for byte`, () => {
    const text = read(name);
    const lock = parseLock(text);
    verifyLock(lock);
    assert.equal(writeLock(lock), text.trimEnd());
    const cluster = clusterOf(lock);
    assert.equal(cluster.operators.length, 4);
    assert.equal(cluster.threshold, 3);
    assert.ok(cluster.validators.every(({ publicShares }) => publicShares.length === 4));
  });
}

for (const name of ["dkg-frost-3", "dkg-pedersen-2", "split-16"]) {
  const folder = sharedPath(`clusters/${name}`);
  test(`the folders of ${name} verify: lock, node keys, key shares`, {
    skip: folder === undefined ? missingShared(`clusters/${name}`) : false,
  }, async () => {
    const homes = readdirSync(folder ?? "").filter((home) => home.startsWith("node"));
    assert.equal(homes.length, 4);
    for (const [i, home] of homes.toSorted().entries()) {
      const path = join(folder ?? "", home);
      const lock = readLock(join(path, "cluster-lock.json"));
      const cluster = verifiedCluster(lock);
      assert.equal(writeLock(lock), readFileSync(join(path, "cluster-lock.json"), "utf8").trimEnd());
      assert.equal(operatorOfKey(cluster, loadNodeKey(join(path, "charon-enr-private-key"))), i);
      if (existsSync(join(path, "cluster-definition.json"))) {
        const text = readFileSync(join(path, "cluster-definition.json"), "utf8");
        assert.equal(writeDefinition(parseDefinition(text)), text.trimEnd());
      }
      // Opening a keystore of full strength takes a while; one node of each cluster is enough.
      if (i > 0) continue;
      const keystores = await readKeystores(join(path, "validator_keys"));
      assert.equal(keystores.length, lock.validators.length);
      for (const { index, secret } of keystores)
        assert.equal(
          toHex(secret.publicKey()),
          toHex(lock.validators[index]?.publicShares[i] ?? new Uint8Array()),
        );
    }
  });

  test(`deposit files of ${name} hold what its lock holds`, {
    skip: folder === undefined ? missingShared(`clusters/${name}`) : false,
  }, () => {
    const path = join(folder ?? "", "node0");
    const { validators, definition } = parseLock(readFileSync(join(path, "cluster-lock.json"), "utf8"));
    const written = readFileSync(join(path, "deposit-data.json"), "utf8");
    const networkName = (JSON.parse(written) as { network_name: string }[])[0]?.network_name ?? "";
    const deposits = validators.flatMap((one) =>
      one.deposits.filter(({ amount }) => amount === 32_000_000_000n),
    );
    assert.equal(writeDepositFile(deposits, definition.forkVersion, networkName), written.trimEnd());
    for (const deposit of deposits)
      assert.ok(
        verify({
          publicKey: deposit.pubkey,
          root: depositSigningRoot(deposit, definition.forkVersion),
          signature: deposit.signature,
        }),
      );
  });
}

test("a deposit file is Charon's byte for byte, roots and order included", () => {
  const text = read("deposit-data.json");
  const rows = JSON.parse(text) as (Record<string, string> & { amount: number })[];
  const deposits = rows.map((row) => ({
    pubkey: fromHex(`0x${row["pubkey"]}`),
    withdrawalCredentials: fromHex(`0x${row["withdrawal_credentials"]}`),
    amount: BigInt(row.amount),
    signature: fromHex(`0x${row["signature"]}`),
  }));
  const written = writeDepositFile(deposits.toReversed(), fromHex("0x00001020"), "goerli");
  assert.equal(written, text.trimEnd());
});

test("a cluster of every version is made, verifies, and is read back as it was written", () => {
  for (const version of VERSIONS) {
    const { lock } = createCluster({
      name: "every version",
      version,
      operatorCount: 4,
      forkVersion: fromHex("0x10000910"),
      registrationTime: 1_742_213_400,
      feeRecipients: ["0x000000000000000000000000000000000000dEaD"],
      withdrawalAddresses: ["0x000000000000000000000000000000000000dEaD"],
      compounding: false,
      targetGasLimit: 60_000_000,
      keys: { newKeys: 2 },
      timestamp: "2026-01-01T00:00:00Z",
    });
    verifyLock(lock);
    const again = parseLock(writeLock(lock));
    verifyLock(again);
    assert.equal(writeLock(again), writeLock(lock), version);
  }
});
