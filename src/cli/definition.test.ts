import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { addr, signTyped } from "micro-eth-signer";
import {
  parseDefinition,
  VERSIONS,
  verifyDefinitionHashes,
  verifyDefinitionSignatures,
  writeDefinition,
} from "../cluster/index.ts";
import { fileVersions } from "./definition-flags.ts";
import { folderOf, trireme } from "./testing/trireme.ts";

const OWNER = `0x${"11".repeat(20)}`;
const walletKey = (i: number): `0x${string}` => `0x${String(1000 + i).padStart(64, "0")}`;
const wallet = (i: number): string => addr.fromPrivateKey(walletKey(i));
const OPERATORS = [0, 1, 2, 3];
const CREATOR = 4;

/** Node folders op0 to op3 with their ENRs, wallet keys in wallet0 to wallet4. */
async function people(folder: string): Promise<{ readonly enrs: readonly string[] }> {
  const enrs: string[] = [];
  for (const i of [...OPERATORS, CREATOR]) writeFileSync(join(folder, `wallet${i}`), walletKey(i));
  for (const i of OPERATORS)
    enrs.push((await trireme(`create enr --data-dir ${join(folder, `op${i}`)}`)).out.trim());
  return { enrs };
}

const define = (folder: string, more: string): ReturnType<typeof trireme> =>
  trireme(
    `create dkg --output-dir ${folder} --network hoodi --num-validators 2 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} ${more}`,
  );
const definitionIn = (folder: string, name = "cluster-definition.json") =>
  parseDefinition(readFileSync(join(folder, name), "utf8"));

test("the versions that can be chosen are those that can be written", () => {
  assert.deepEqual(fileVersions, VERSIONS);
});

test("create dkg writes a definition of the operators' node keys as asked, for everybody to read and nobody to change", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  const ran = await define(
    folder,
    `--name pool --operator-enrs ${enrs.join(",")} --compounding --deposit-amounts 8,256 --target-gas-limit 45000000 --dkg-algorithm pedersen --threshold 4`,
  );
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /2 validators on hoodi, 4 operators, of whom any 4 sign/);
  assert.match(ran.out, /0x02 \(compounding\); deposit data for 8, 256 ETH/);
  assert.match(ran.err, /customary is 3/);
  assert.equal(statSync(join(folder, "cluster-definition.json")).mode & 0o777, 0o444);
  const definition = definitionIn(folder);
  verifyDefinitionHashes(definition);
  verifyDefinitionSignatures(definition);
  assert.equal(definition.version, "v1.10.0");
  assert.deepEqual(
    [definition.name, definition.numValidators, definition.threshold, definition.dkgAlgorithm],
    ["pool", 2, 4, "pedersen"],
  );
  assert.deepEqual(definition.depositAmounts, [8e9, 256e9]);
  assert.ok(definition.compounding);
  assert.equal(definition.targetGasLimit, 45_000_000);
  assert.deepEqual(
    definition.operators.map(({ enr }) => enr),
    enrs,
  );
  const again = await define(folder, `--operator-enrs ${enrs.join(",")}`);
  assert.equal(again.code, 1);
  assert.match(again.err, /Move it away first/);
});

test("a definition without wallets wants no signature, and who gives one is told so", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  await define(folder, `--operator-enrs ${enrs.join(",")}`);
  const { code, err } = await trireme(
    `definition sign --definition-file ${join(folder, "cluster-definition.json")} --data-dir ${join(folder, "op0")} --address ${wallet(0)}`,
  );
  assert.equal(code, 2);
  assert.match(err, /names no wallets of operators\n {2}No signature is wanted/);
});

test("create dkg writes every version that ceremonies are held over", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  for (const version of fileVersions.slice(6)) {
    const { code, err } = await define(
      join(folder, version),
      `--operator-enrs ${enrs.join(",")} --definition-version ${version}`,
    );
    assert.equal(code, 0, err);
    const definition = definitionIn(join(folder, version));
    assert.equal(definition.version, version);
    verifyDefinitionHashes(definition);
  }
});

test("create dkg says what is wrong with each bad input, and writes nothing", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  const all = enrs.join(",");
  const wallets = OPERATORS.map(wallet).join(",");
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /no operators/],
    [`--operator-enrs ${enrs.slice(0, 2).join(",")}`, /3 to 64 nodes/],
    [`--operator-enrs ${all},${enrs[0]}`, /named before/],
    [`--operator-enrs ${all.replace("enr:-", "enr:-A")}`, /read ENR/],
    [`--operator-enrs ${all} --threshold 5`, /threshold must be between 2/],
    [`--operator-enrs ${all} --threshold 1`, /threshold must be between 2/],
    [`--operator-enrs ${all} --deposit-amounts 16`, /their sum at least 32 ETH/],
    [`--operator-enrs ${all} --deposit-amounts 33`, /between 1 and 32 ETH/],
    [`--operator-enrs ${all} --deposit-amounts a`, /between 1 and 32 ETH/],
    [`--operator-enrs ${all} --num-validators 0`, /1 to 65536 validators/],
    [`--operator-enrs ${all} --dkg-algorithm gjkr`, /default, frost, pedersen/],
    [`--operator-enrs ${all} --network gnosys`, /--network is "gnosys"/],
    [`--operator-enrs ${all} --definition-version v1.9.0 --compounding`, /no room for --compounding/],
    [`--operator-enrs ${all} --fee-recipient-addresses 0x12`, /40 hexadecimal digits/],
    [`--operator-enrs ${all} --withdrawal-addresses ${OWNER},${OWNER},${OWNER}`, /one for each/],
    [`--operator-enrs ${all} --network mainnet --withdrawal-addresses 0x${"0".repeat(40)}`, /would be lost/],
    [`--operator-enrs ${all} --testnet-name mine`, /needs all of/],
    [`--operator-addresses ${wallets}`, /--creator-address is missing/],
    [`--operator-enrs ${all} --creator-address ${wallet(4)}`, /goes with --operator-addresses/],
    [
      `--operator-enrs ${all} --operator-addresses ${wallet(0)} --creator-address ${wallet(4)}`,
      /4 operator ENRs and 1 addresses/,
    ],
    [`--operator-addresses ${wallets},${wallet(1)} --creator-address ${wallet(4)}`, /named before/],
  ];
  for (const [flags, wanted] of cases) {
    const { code, err } = await define(join(folder, "none"), flags);
    assert.notEqual(code, 0, flags);
    assert.match(err, wanted, flags);
  }
  assert.ok(!readdirSync(folder).includes("none"));
});

test("operators and creator sign copies of a definition, with a wallet or a key file, and the copies are merged", async (t) => {
  const folder = folderOf(t);
  await people(folder);
  const defined = await define(
    folder,
    `--operator-addresses ${OPERATORS.map(wallet).join(",")} --creator-address ${wallet(CREATOR)}`,
  );
  assert.equal(defined.code, 0, defined.err);
  const original = join(folder, "cluster-definition.json");
  const sign = (more: string): ReturnType<typeof trireme> =>
    trireme(`definition sign --definition-file ${original} ${more}`);
  const asOperator = (i: number): string => `--data-dir ${join(folder, `op${i}`)} --address ${wallet(i)}`;

  // Operator 0 and the creator have wallets elsewhere: what is printed is signed there, and pasted.
  for (const [i, role] of [
    [0, asOperator(0)],
    [CREATOR, "--creator"],
  ] as const) {
    const asked = await sign(`${role} --json`);
    const { requests } = JSON.parse(asked.out) as { requests: { flag: string; typedData: never }[] };
    const flags = requests.map(({ flag, typedData }) => `--${flag} ${signTyped(typedData, walletKey(i))}`);
    const text = await sign(role);
    assert.match(text.out, /Nothing was written/);
    const pasted = await sign(`${role} ${flags.join(" ")}`);
    assert.equal(pasted.code, 0, pasted.err);
  }
  for (const i of [1, 2, 3])
    assert.equal((await sign(`${asOperator(i)} --wallet-key-file ${join(folder, `wallet${i}`)}`)).code, 0);
  const again = await sign(`${asOperator(1)} --wallet-key-file ${join(folder, "wallet1")}`);
  assert.match(again.err, /Move it away first/);

  const copies = readdirSync(folder).filter((name) => /-(operator-\d|creator)\.json$/.test(name));
  const merge = (names: readonly string[], to: string): ReturnType<typeof trireme> =>
    trireme(
      `definition merge ${names.map((name) => join(folder, name)).join(" ")} --output-file ${join(folder, to)}`,
    );
  const some = await merge(copies.slice(0, 3), "some.json");
  assert.match(some.out, /not signed yet: operator 2, operator 3/);
  const dkg = await trireme(
    `dkg --data-dir ${join(folder, "op1")} --definition-file ${join(folder, "some.json")}`,
  );
  assert.equal(dkg.code, 1);
  assert.match(dkg.err, /missing: operator 2, operator 3/);
  const all = await merge(["some.json", ...copies.slice(2)], "all.json");
  assert.match(all.out, /everybody has signed/);
  const merged = definitionIn(folder, "all.json");
  verifyDefinitionHashes(merged);
  verifyDefinitionSignatures(merged);
  assert.ok(merged.operators.every(({ enr }) => enr !== ""));
});

test("a signature that is not the wallet's, another's seat, and copies that contradict each other are refused", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  await define(
    folder,
    `--operator-addresses ${OPERATORS.map(wallet).join(",")} --creator-address ${wallet(CREATOR)}`,
  );
  const original = join(folder, "cluster-definition.json");
  const sign = (more: string, file = original): ReturnType<typeof trireme> =>
    trireme(`definition sign --definition-file ${file} ${more}`);
  const op = (i: number): string => `--data-dir ${join(folder, `op${i}`)}`;

  const wrong = await sign(
    `${op(0)} --address ${wallet(0)} --config-signature 0x${"12".repeat(65)} --enr-signature 0x${"12".repeat(65)}`,
  );
  assert.match(wrong.err, /whose: operator 0 .*\n.*over: config_hash/);
  const short = await sign(`${op(0)} --address ${wallet(0)} --config-signature 0x12 --enr-signature 0x12`);
  assert.match(short.err, /not 65 bytes/);
  const half = await sign(`${op(0)} --address ${wallet(0)} --config-signature 0x${"12".repeat(65)}`);
  assert.match(half.err, /go together/);
  const otherKey = await sign(`${op(0)} --address ${wallet(0)} --wallet-key-file ${join(folder, "wallet1")}`);
  assert.match(otherKey.err, /another wallet/);
  const stranger = await sign(`${op(0)} --address ${wallet(CREATOR)}`);
  assert.match(stranger.err, /no operator has the wallet/);

  // Operator 1 signs with its own node key, and with operator 0's.
  await sign(`${op(1)} --address ${wallet(1)} --wallet-key-file ${join(folder, "wallet1")}`);
  await sign(
    `${op(0)} --address ${wallet(1)} --wallet-key-file ${join(folder, "wallet1")} --output-file ${join(folder, "twice.json")}`,
  );
  const two = join(folder, "cluster-definition-operator-1.json");
  const contradiction = await trireme(
    `definition merge ${two} ${join(folder, "twice.json")} --output-file ${join(folder, "none.json")}`,
  );
  assert.match(contradiction.err, /different node keys/);
  const seated = await sign(`${op(2)} --address ${wallet(1)}`, two);
  assert.match(seated.err, /names another node key/);

  const stale = definitionIn(folder);
  writeFileSync(join(folder, "other.json"), writeDefinition({ ...stale, name: "another cluster" }));
  const others = await trireme(
    `definition merge ${two} ${join(folder, "other.json")} --output-file ${join(folder, "none.json")}`,
  );
  assert.match(others.err, /not copies of one definition/);

  await define(join(folder, "plain"), `--operator-enrs ${enrs.join(",")}`);
  const plain = await sign(op(0), join(folder, "plain", "cluster-definition.json"));
  assert.match(plain.err, /no signature is wanted/);
});

test("dkg takes a definition from a URL, and says what is wrong with one that is none", async (t) => {
  const folder = folderOf(t);
  const { enrs } = await people(folder);
  await define(
    folder,
    `--operator-enrs ${enrs.join(",")} --testnet-name other --testnet-chain-id 5 --testnet-fork-version 0x99999999 --testnet-genesis-timestamp 1`,
  );
  const text = readFileSync(join(folder, "cluster-definition.json"));
  const server = createServer((request, response) => {
    if (request.url === "/definition") response.end(text);
    else response.writeHead(404).end();
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const dkg = (path: string): ReturnType<typeof trireme> =>
    trireme(`dkg --data-dir ${join(folder, "op0")} --definition-file http://127.0.0.1:${port}${path}`);
  // It got as far as the definition's network, which nobody knows here.
  const found = await dkg("/definition");
  assert.match(found.err, /over plain http/);
  assert.match(found.err, /forkVersion: 0x99999999/);
  assert.match((await dkg("/other")).err, /the answer is 404/);
});
