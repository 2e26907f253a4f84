import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { folderOf, trireme } from "./testing/trireme.ts";

// Goal: whatever file a command is given instead of the right one, it says which, and what to do, and prints no piece of it.
// Method: every command that reads a file, with every sort of wrong file in the place of the right one.
const OWNER = `0x${"11".repeat(20)}`;
const ADDRESSES = `--fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER}`;
const BEACON = "--beacon-node-endpoints http://127.0.0.1:1";
const SECRET = "c0ffee".repeat(8);

/** A node's folder, a definition that it is in, and wrong files. */
async function scene(t: TestContext): Promise<{ node: string; wrong: ReadonlyMap<string, string> }> {
  const folder = folderOf(t);
  const cluster = join(folder, "cluster");
  const made = await trireme(
    `create cluster ${ADDRESSES} --cluster-dir ${cluster} --network hoodi --nodes 3 --num-validators 1 --insecure-keys`,
  );
  assert.equal(made.code, 0, made.err);
  const lock = readFileSync(join(cluster, "node0/cluster-lock.json"), "utf8");
  const wrong = new Map([["missing", join(folder, "missing")]]);
  for (const [name, content] of [
    ["empty", ""],
    ["binary", Buffer.from([0, 1, 0xff, 0xfe, 0x80, 27, 91, 50, 74])],
    ["a key", SECRET],
    ["cut off", lock.slice(0, lock.length / 2)],
    ["a list", "[]"],
    ["null", "null"],
    [
      "of other types",
      '{"cluster_definition":[],"operator":"x","metadata":7,"lock_hash":null,"config-file":1}',
    ],
  ] as const) {
    const path = join(folder, name.replaceAll(" ", "-"));
    writeFileSync(path, content);
    wrong.set(name, path);
  }
  const pipe = join(folder, "pipe");
  if (spawnSync("mkfifo", [pipe]).status === 0) wrong.set("a pipe without a writer", pipe);
  mkdirSync(join(folder, "folder"));
  wrong.set("a folder", join(folder, "folder"));
  wrong.set("below a file", join(folder, "empty/below"));
  return { node: join(cluster, "node0"), wrong };
}

test("a wrong file in the place of any other is told by its path with what to do, and no piece of it is printed", async (t) => {
  const { node, wrong } = await scene(t);
  const output = join(node, "never-written");
  for (const command of [
    "config show --config-file FILE",
    "enr --private-key-file FILE",
    `exit list --data-dir ${node} ${BEACON} --lock-file FILE`,
    `exit sign --all --data-dir ${node} ${BEACON} --private-key-file FILE`,
    `exit combine --data-dir ${node} ${BEACON} --output-dir ${output} FILE`,
    `exit broadcast --data-dir ${node} ${BEACON} FILE`,
    `definition sign --data-dir ${node} --definition-file FILE`,
    `definition merge FILE FILE --output-file ${output}`,
    `dkg --data-dir ${node} --definition-file FILE`,
    `run --data-dir ${node} ${BEACON} --lock-file FILE`,
    `slashing-protection import --data-dir ${node} FILE`,
    "chain --lock-file FILE",
  ])
    for (const [what, path] of wrong) {
      const { code, out, err } = await trireme(command.replaceAll("FILE", path));
      const told = `${command} with ${what}: ${err}`;
      assert.ok(code === 1 || code === 2, told);
      assert.equal(out, "", told);
      assert.ok(err.includes(path), told);
      assert.match(err, /\n {2}[A-Z][^\n]*\.\n$/, told);
      assert.doesNotMatch(err, /c0ffee|undefined|NaN|\[object|\n {4}at /, told);
    }
});

test("files of another cluster are told apart, and nothing is written", async (t) => {
  const { node } = await scene(t);
  const { node: other } = await scene(t);
  const foreign = join(node, "../foreign");
  cpSync(node, foreign, { recursive: true });
  cpSync(join(other, "cluster-lock.json"), join(foreign, "cluster-lock.json"), { force: true });
  for (const [command, says] of [
    [`run --data-dir ${foreign} ${BEACON}`, /belong to different clusters/],
    [`exit sign --all --data-dir ${foreign} ${BEACON}`, /belong to different clusters/],
    [`verify ${foreign}`, /✘ key shares/],
    [`combine --cluster-dir ${join(node, "..")} --output-dir ${join(node, "whole")}`, /another cluster/],
  ] as const) {
    const { code, out, err } = await trireme(command);
    assert.equal(code, 1, command);
    assert.match(out + err, says, command);
  }
});

test("all that flags say is judged before anything slow is done or any file is read", async (t) => {
  const folder = folderOf(t);
  const split = `create cluster --network hoodi --split-existing-keys --split-keys-dir ${folder}/nowhere --cluster-dir ${folder}/out`;
  for (const [command, says] of [
    [
      `${split} --withdrawal-addresses ${OWNER} --fee-recipient-addresses 0x12`,
      /A fee recipient is 0x and 40/,
    ],
    [`${split} ${ADDRESSES} --nodes 2`, /A cluster has 3 to 64 nodes/],
    [`${split} ${ADDRESSES} --threshold 9`, /The threshold must be between 2 and/],
    [`${split} ${ADDRESSES} --deposit-amounts 1,2`, /their sum at least 32 ETH/],
    [
      `create cluster --network hoodi ${ADDRESSES} --num-validators 900000000000`,
      /Ask for 1 to \d+ validators/,
    ],
    [`create cluster --network hoodi ${ADDRESSES} --num-validators 1 --nodes 900000000000`, /3 to 64 nodes/],
    [
      `exit list --data-dir ${folder} --beacon-node-endpoints nowhere`,
      /--beacon-node-endpoints has "nowhere"/,
    ],
    [
      `run --data-dir ${folder} ${BEACON} --validator-keys-dir ${folder}/nowhere`,
      /which is not there\n {2}Correct the path/,
    ],
    [`run --data-dir ${folder} ${BEACON} --p2p-tcp-address nowhere`, /--p2p-tcp-address has "nowhere"/],
  ] as const) {
    const { code, err } = await trireme(command);
    assert.ok(code > 0, command);
    assert.match(err, says, command);
  }
});
