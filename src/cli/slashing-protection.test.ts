import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { main } from "./main.ts";

const OWNER = `0x${"11".repeat(20)}`;
const HOODI_ROOT = "0x212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f";
const ROOT = `0x${"ab".repeat(32)}`;

async function trireme(line: string): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await main(line.split(" ").filter(Boolean), {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    environment: {},
  });
  return { code, out, err };
}

interface Made {
  readonly folder: string;
  /** Of the first validator. */
  readonly groupKey: string;
  readonly shareKeys: readonly string[];
}

async function cluster(t: TestContext, ...keys: string[]): Promise<Made> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-move-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const line = `create cluster --cluster-dir ${folder} --network hoodi --num-validators 1 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --insecure-keys ${keys.join(" ")}`;
  assert.equal((await trireme(line)).code, 0);
  const lock = JSON.parse(readFileSync(join(folder, "node0", "cluster-lock.json"), "utf8")) as {
    distributed_validators: { distributed_public_key: string; public_shares: string[] }[];
  };
  const [validator] = lock.distributed_validators;
  assert.ok(validator !== undefined);
  return { folder, groupKey: validator.distributed_public_key, shareKeys: validator.public_shares };
}

interface File {
  readonly metadata: { readonly genesis_validators_root: string };
  readonly data: readonly {
    readonly pubkey: string;
    readonly signed_blocks: readonly unknown[];
    readonly signed_attestations: readonly unknown[];
  }[];
}

/** An interchange file as a client writes it that signed a block in slot 70 and a vote for epoch 2 with each of these keys. */
function interchange(path: string, pubkeys: readonly string[], chain = HOODI_ROOT): void {
  const data = pubkeys.map((pubkey) => ({
    pubkey,
    signed_blocks: [{ slot: "70", signing_root: ROOT }],
    signed_attestations: [{ source_epoch: "1", target_epoch: "2", signing_root: ROOT }],
  }));
  const metadata = { interchange_format_version: "5", genesis_validators_root: chain };
  writeFileSync(path, JSON.stringify({ metadata, data }));
}

const read = (path: string): File => JSON.parse(readFileSync(path, "utf8")) as File;

test("what a validator client signed with a key share arrives as the validator's, and goes back as the share's", async (t) => {
  const { folder, groupKey, shareKeys } = await cluster(t);
  const file = join(folder, "client.json");
  // Beside ours the client has a validator that is nothing to this cluster.
  interchange(file, [shareKeys[2] ?? "", `0x${"c0".repeat(48)}`]);
  const imported = await trireme(`slashing-protection import --data-dir ${folder}/node2 ${file}`);
  assert.equal(imported.code, 0, imported.err);
  assert.match(imported.out, /"validators":1,"blocks":1,"attestations":1,"highestSlot":70,"highestTarget":2/);
  assert.match(imported.out, /watches the chain for two epochs/);

  const ours = join(folder, "ours.json");
  assert.equal((await trireme(`slashing-protection export --data-dir ${folder}/node2 ${ours}`)).code, 0);
  assert.deepEqual(
    read(ours).data.map(({ pubkey }) => pubkey),
    [groupKey],
  );
  const back = join(folder, "back.json");
  const line = `slashing-protection export --data-dir ${folder}/node2 --for-validator-client ${back}`;
  assert.equal((await trireme(line)).code, 0);
  assert.deepEqual(read(back), { ...read(file), data: read(file).data.slice(0, 1) });
});

test("an import of the wrong file says what is wrong with it and leaves nothing behind", async (t) => {
  const { folder, groupKey } = await cluster(t);
  const file = join(folder, "client.json");
  const refused = async (code: number, says: RegExp): Promise<void> => {
    const ran = await trireme(`slashing-protection import --data-dir ${folder}/node0 ${file}`);
    assert.equal(ran.code, code, ran.out);
    assert.match(ran.err, says);
    assert.equal(existsSync(join(folder, "node0", "trireme")), false, "no memory was made");
  };
  await refused(2, /read the interchange file .*client\.json[\s\S]*Name the JSON file/);
  writeFileSync(file, "{");
  await refused(1, /wanted JSON/);
  interchange(file, [groupKey], `0x${"00".repeat(32)}`);
  await refused(1, /genesis_validators_root[\s\S]*another network/);
  interchange(file, [`0x${"c0".repeat(48)}`]);
  await refused(1, /find this cluster's validators[\s\S]*of other validators/);

  rmSync(join(folder, "node0", "cluster-lock.json"));
  interchange(file, [groupKey]);
  await refused(1, /cluster lock[\s\S]*cluster-lock\.json/);
});
