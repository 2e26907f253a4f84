import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { startChain } from "../chain/index.ts";
import { slashingDatabase } from "../node/index.ts";
import { folderOf, trireme } from "./testing/trireme.ts";

const OWNER = `0x${"11".repeat(20)}`;

test("`test` says of folder, disk, ports, beacon nodes and operators how they are, and fails when one is bad", async (t) => {
  const folder = folderOf(t);
  const made = await trireme(
    `create cluster --cluster-dir ${folder} --network hoodi --num-validators 1 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --insecure-keys`,
  );
  assert.equal(made.code, 0, made.err);
  const chain = await startChain({
    validators: [],
    otherValidators: 2,
    others: "absent",
    genesisForkVersion: "0x10000910",
  });
  t.after(() => chain.stop());
  const node = join(folder, "node2");
  const flags = `--data-dir ${node} --p2p-tcp-address 127.0.0.1:0 --monitoring-address 127.0.0.1:0`;

  const alone = await trireme(`test ${flags} --beacon-node-endpoints ${chain.url} --skip-peers`);
  assert.equal(alone.code, 0, alone.err);
  assert.match(alone.out, /✔ folder +operator 2 of 4, 1 validator; 1 keystore$/m);
  assert.match(alone.out, /! memory +no slashing memory yet/);
  assert.match(alone.out, /[✔!] disk +[\d.]+ GB free/);
  assert.match(alone.out, /[✔!] beacon node +127\.0\.0\.1:\d+ \(Trireme/);
  assert.match(alone.out, /✔ port +monitoring/);
  assert.ok(!existsSync(slashingDatabase(node)), "a test made a slashing memory");

  const keyLock = join(node, "charon-enr-private-key.lock");
  writeFileSync(keyLock, "who knows what");
  const uncertain = await trireme(
    `test ${flags} --beacon-node-endpoints ${chain.url} --private-key-file-lock --peers-patience 1000000`,
  );
  assert.equal(uncertain.code, 1);
  assert.match(
    uncertain.out,
    /✘ node key +read the lock of the private key; ports and operators were left alone/,
  );
  rmSync(keyLock);

  const nowhere = join(folder, "mistyped");
  const mistyped = await trireme(`test --data-dir ${nowhere} --beacon-node-endpoints ${chain.url}`);
  assert.match(mistyped.out, /^ {2}✘ folder +read the cluster lock: no such file/);
  assert.ok(!existsSync(nowhere), "a test made a folder");

  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once("listening", resolve));
  const { port } = taken.address() as { port: number };
  const worse = await trireme(
    `test --json --data-dir ${node} --p2p-tcp-address 127.0.0.1:0 --monitoring-address 127.0.0.1:${port} --beacon-node-endpoints ${chain.url} --peers-patience 300`,
  );
  assert.equal(worse.code, 1);
  assert.match(worse.err, /\[cli\/test-failed\]/);
  const { passed, verdicts } = JSON.parse(worse.out) as {
    passed: boolean;
    verdicts: { name: string; state: string; says: string }[];
  };
  assert.equal(passed, false);
  const bad = verdicts.filter(({ state }) => state === "bad").map(({ name, says }) => `${name}: ${says}`);
  assert.match(
    bad.join("\n"),
    /^port: monitoring at .*already in use.*\ncluster: 1 of 4 operators are here, and 3 must sign$/,
  );
});
