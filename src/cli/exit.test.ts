import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { startChain } from "../chain/index.ts";
import { parseLock } from "../cluster/index.ts";
import { folderOf, trireme } from "./testing/trireme.ts";

// Goal: operators end a validator with nothing but files and a beacon node, and nothing leaves before a threshold has signed.
// Method: a cluster on the simulated chain, which verifies exits; nodes need not run.
const OWNER = `0x${"11".repeat(20)}`;

test("three of four operators sign exits, each into a file, and one of them sends them to the chain", async (t) => {
  const folder = folderOf(t);
  const made = await trireme(
    `create cluster --cluster-dir ${folder} --network hoodi --num-validators 2 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --insecure-keys`,
  );
  assert.equal(made.code, 0, made.err);
  const lock = parseLock(readFileSync(join(folder, "node0/cluster-lock.json"), "utf8"));
  const keys = lock.validators.map(({ publicKey }) => toHex(publicKey));
  const chain = await startChain({
    validators: keys.map((pubkey) => ({ pubkey })),
    otherValidators: 2,
    others: "absent",
    genesisForkVersion: "0x10000910",
    genesisTime: Math.floor(Date.now() / 1_000) * 1_000 - 24_000,
    slotMs: 12_000,
  });
  t.after(() => chain.stop());
  const node = (i: number): string => `--data-dir ${folder}/node${i} --beacon-node-endpoints ${chain.url}`;
  const file = (i: number): string => join(folder, `${i}.json`);

  const { out: list } = await trireme(`exit list ${node(0)}`);
  assert.match(list, new RegExp(`^${keys[1]} +1  active_ongoing$`, "m"));

  const unsaid = await trireme(`exit sign ${node(0)}`);
  assert.equal(unsaid.code, 2, "all validators were taken without having been named");
  for (const i of [0, 1, 3]) {
    const { code, out, err } = await trireme(
      `exit sign --validator-public-keys ${keys[0]} --output-file ${file(i)} ${node(i)}`,
    );
    assert.equal(code, 0, err);
    assert.match(
      out,
      new RegExp(`as operator ${i} of 4 .*\n.* validator 0, active_ongoing\n\nNothing was sent`),
    );
  }
  const again = await trireme(`exit sign --all --output-file ${file(0)} ${node(0)}`);
  assert.match(again.err, /write a file of exits: there is something already \[cluster\/exists\]/);

  const early = await trireme(`exit broadcast ${file(0)} ${file(1)} ${node(0)}`);
  assert.match(early.err, /too few operators have signed it \[exits\/not-enough\]/);

  const kept = await trireme(
    `exit combine ${file(0)} ${file(1)} ${file(3)} --output-dir ${folder}/exits ${node(2)}`,
  );
  assert.equal(kept.code, 0, kept.err);
  assert.ok(existsSync(`${folder}/exits/exit-${keys[0]}.json`));
  const twice = await trireme(
    `exit combine ${file(0)} ${file(1)} ${file(3)} --output-dir ${folder}/exits ${node(2)}`,
  );
  assert.match(twice.err, /\[cluster\/exists\]\n {2}path: .*exit-0x.*\n.*nothing was changed/);
  const status = async (): Promise<string> =>
    JSON.stringify(await (await fetch(`${chain.url}/eth/v1/beacon/pool/voluntary_exits`)).json());
  assert.doesNotMatch(await status(), /validator_index/, "an exit was sent before anybody asked for it");

  const sent = await trireme(`exit broadcast ${file(0)} ${file(1)} ${file(3)} ${node(2)}`);
  assert.equal(sent.code, 0, sent.err);
  assert.match(sent.out, /validator 0: exit sent/);
  assert.match(await status(), /"validator_index":"0"/);
});

test("a beacon node that is not there ends the command with its name, and so does one of another network", async (t) => {
  const folder = folderOf(t);
  await trireme(
    `create cluster --cluster-dir ${folder} --network hoodi --num-validators 1 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --insecure-keys`,
  );
  const chain = await startChain({
    validators: [],
    otherValidators: 2,
    others: "absent",
    genesisForkVersion: "0x00000000",
  });
  t.after(() => chain.stop());
  const other = await trireme(`exit list --data-dir ${folder}/node0 --beacon-node-endpoints ${chain.url}`);
  assert.equal(other.code, 1);
  assert.match(other.err, /\[beacon\/other-chain\]/);
});
