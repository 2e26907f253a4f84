import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { addr } from "micro-eth-signer";
import { trireme } from "../../src/cli/testing/trireme.ts";
import {
  parseDefinition,
  readKeystores,
  VERSIONS,
  verifyDefinitionHashes,
  verifyDefinitionSignatures,
} from "../../src/cluster/index.ts";
import { Background } from "./background.ts";
import { peerProgram } from "./peers.ts";

// Method: each program is given the files that the other one wrote. Charon verifies hashes and signatures before it uses any.
const charon = peerProgram("CHARON_BIN");
const skip = charon.skip;
const ADDRESS = "0x000000000000000000000000000000000000dEaD";
const SETTINGS = `--network hoodi --num-validators 2 --fee-recipient-addresses ${ADDRESS} --withdrawal-addresses ${ADDRESS}`;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trireme-files-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function ours(line: string): Promise<string> {
  const { code, out, err } = await trireme(line);
  assert.equal(code, 0, `${line}\n${err}`);
  return out;
}

const theirs = (line: string): Promise<unknown> => promisify(execFile)(charon.path, line.split(" "));

test("files: Charon verifies and combines a cluster of every version that create cluster writes", {
  skip,
}, async (t) => {
  for (const version of VERSIONS) {
    const folder = join(folderOf(t), version);
    await ours(
      `create cluster --cluster-dir ${folder} ${SETTINGS} --insecure-keys --definition-version ${version}`,
    );
    await theirs(`combine --cluster-dir=${folder} --output-dir=${join(folder, "combined")}`);
    assert.equal((await readKeystores(join(folder, "combined"))).length, 2, version);
  }
});

test("files: a cluster that Charon created verifies here, folder by folder", { skip }, async (t) => {
  const folder = folderOf(t);
  await theirs(
    `create cluster --cluster-dir=${folder} --nodes=4 --network=hoodi --num-validators=2 --fee-recipient-addresses=${ADDRESS} --withdrawal-addresses=${ADDRESS} --insecure-keys --compounding --deposit-amounts=8,32`,
  );
  for (const i of [0, 1, 2, 3])
    assert.match(await ours(`verify ${join(folder, `node${i}`)}`), /Everything here belongs together/);
  await ours(`combine --cluster-dir ${folder} --output-dir ${join(folder, "combined")}`);
});

test("files: what Charon's create dkg writes is a definition here", { skip }, async (t) => {
  const folder = folderOf(t);
  const enrs: string[] = [];
  for (const i of [0, 1, 2, 3])
    enrs.push((await ours(`create enr --data-dir ${join(folder, `op${i}`)}`)).trim());
  await theirs(
    `create dkg --output-dir=${folder} --operator-enrs=${enrs.join(",")} --network=hoodi --num-validators=2 --fee-recipient-addresses=${ADDRESS} --withdrawal-addresses=${ADDRESS}`,
  );
  const definition = parseDefinition(readFileSync(join(folder, "cluster-definition.json"), "utf8"));
  verifyDefinitionHashes(definition);
  verifyDefinitionSignatures(definition);
});

test("files: Charon's dkg begins with a definition that operators and creator signed here", {
  skip,
}, async (t) => {
  const folder = folderOf(t);
  const wallets = [0, 1, 2, 3, 4].map((i) => `0x${String(i + 1).padStart(64, "0")}` as const);
  const [creator, ...operators] = wallets.map((key) => addr.fromPrivateKey(key)).toReversed();
  for (const [i, key] of wallets.entries()) writeFileSync(join(folder, `wallet${i}`), key);
  await ours(
    `create dkg --output-dir ${folder} ${SETTINGS} --operator-addresses ${operators.toReversed().join(",")} --creator-address ${creator}`,
  );
  const sign = `definition sign --definition-file ${join(folder, "cluster-definition.json")}`;
  for (const [i, address] of operators.toReversed().entries()) {
    await ours(`create enr --data-dir ${join(folder, `op${i}`)}`);
    await ours(
      `${sign} --data-dir ${join(folder, `op${i}`)} --address ${address} --wallet-key-file ${join(folder, `wallet${i}`)}`,
    );
  }
  await ours(`${sign} --creator --wallet-key-file ${join(folder, "wallet4")}`);
  const copies = ["creator", ...[0, 1, 2, 3].map((i) => `operator-${i}`)];
  const files = copies.map((name) => join(folder, `cluster-definition-${name}.json`)).join(" ");
  await ours(`definition merge ${files} --output-file ${join(folder, "signed.json")}`);

  mkdirSync(join(folder, "charon"));
  const key = readFileSync(join(folder, "op0", "charon-enr-private-key"));
  writeFileSync(join(folder, "charon", "charon-enr-private-key"), key, { mode: 0o600 });
  const dkg = new Background("charon", join(folder, "charon.log"), charon.path, [
    "dkg",
    `--data-dir=${join(folder, "charon")}`,
    `--definition-file=${join(folder, "signed.json")}`,
    "--p2p-relays=http://127.0.0.1:1",
  ]);
  dkg.start();
  try {
    const begun = Date.now();
    while (!dkg.log().includes("Peer summary") && Date.now() - begun < 20_000)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(dkg.log(), /Peer summary/, dkg.tail());
  } finally {
    await dkg.end();
  }
});
