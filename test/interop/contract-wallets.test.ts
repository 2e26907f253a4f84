import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { addr } from "micro-eth-signer";
import { concatBytes, toHex } from "../../src/base/index.ts";
import { trireme } from "../../src/cli/testing/trireme.ts";
import { contractQuestions, parseDefinition, seatOperator, withSignatures } from "../../src/cluster/index.ts";
import { keccak256 } from "../../src/crypto/index.ts";
import { freePorts } from "../../src/demo/free-ports.ts";
import { Background } from "./background.ts";
import { peerProgram } from "./peers.ts";

// Method: a geth whose genesis has a small contract wallet. Both programs are given a definition that it signed, with and without geth's address.
const geth = peerProgram("GETH_BIN");
const charon = peerProgram("CHARON_BIN");
const ADDRESS = "0x000000000000000000000000000000000000dEaD";
const WALLET = `0x${"5afe".repeat(10)}`;
const HOODI = 560_048;
/** Two owners' signatures, one after the other. */
const SIGNATURE = new Uint8Array(130).fill(0x12);

const keyOf = (i: number): `0x${string}` => `0x${String(i + 1).padStart(64, "0")}`;
const walletOf = (i: number): string => addr.fromPrivateKey(keyOf(i));

/**
 * isValidSignature(digest, signature): the magic value where its storage has something at keccak256(digest ++ signature), and a revert
 * elsewhere.
 */
const WALLET_CODE = [
  "600435600052", // memory[0] = digest
  "6044358060646020376020016000", // memory[32…] = signature; its length + 32, 0
  "2054601e57", // keccak256, storage, jump where there is something
  "60006000fd", // revert
  "5b631626ba7e60e01b60005260206000f3", // return the magic value
].join("");

/** Starts a geth with one block, the genesis, in which the wallet accepts some signatures. */
async function startGeth(
  running: Background[],
  folder: string,
  accepted: readonly { readonly digest: Uint8Array; readonly signature: Uint8Array }[],
): Promise<string> {
  const home = join(folder, "geth");
  const forks = [
    "homestead",
    "eip150",
    "eip155",
    "eip158",
    "byzantium",
    "constantinople",
    "petersburg",
    "istanbul",
    "berlin",
    "london",
  ];
  const genesis = {
    config: {
      chainId: HOODI,
      ...Object.fromEntries(forks.map((fork) => [`${fork}Block`, 0])),
      terminalTotalDifficulty: 0,
      shanghaiTime: 0,
    },
    difficulty: "0x0",
    gasLimit: "0x1c9c380",
    alloc: {
      [WALLET]: {
        balance: "0x0",
        code: `0x${WALLET_CODE}`,
        storage: Object.fromEntries(
          accepted.map(({ digest, signature }) => [
            toHex(keccak256(concatBytes(digest, signature))),
            `0x${"1".padStart(64, "0")}`,
          ]),
        ),
      },
    },
  };
  writeFileSync(join(folder, "genesis.json"), JSON.stringify(genesis));
  await promisify(execFile)(geth.path, ["init", `--datadir=${home}`, join(folder, "genesis.json")]);
  const [port] = await freePorts(1);
  const process = new Background("geth", join(folder, "geth.log"), geth.path, [
    `--datadir=${home}`,
    `--networkid=${HOODI}`,
    "--nodiscover",
    "--maxpeers=0",
    "--port=0",
    "--ipcdisable",
    "--authrpc.port=0",
    "--http",
    "--http.addr=127.0.0.1",
    `--http.port=${port}`,
  ]);
  process.start();
  running.push(process);
  const url = `http://127.0.0.1:${port}`;
  await process.answers(url);
  return url;
}

async function ours(line: string): Promise<string> {
  const { code, out, err } = await trireme(line);
  assert.equal(code, 0, `${line}\n${err}`);
  return out;
}

/** A definition that operator 1 signs with the contract wallet, and everybody else with a key. */
async function definitionIn(folder: string): Promise<string> {
  const wallets = [0, 1, 2, 3].map(walletOf).with(1, WALLET);
  await ours(
    `create dkg --output-dir ${folder} --network hoodi --fee-recipient-addresses ${ADDRESS} --withdrawal-addresses ${ADDRESS} --definition-version v1.11.0 --operator-addresses ${wallets.join(",")} --creator-address ${walletOf(4)}`,
  );
  for (const i of [0, 1, 2, 3, 4]) {
    writeFileSync(join(folder, `wallet${i}`), keyOf(i));
    if (i < 4) await ours(`create enr --data-dir ${join(folder, `op${i}`)}`);
  }
  return join(folder, "cluster-definition.json");
}

test("contract wallets: a contract on geth signs a definition, which Trireme and Charon take with geth's word and not without", {
  skip: geth.skip === false ? charon.skip : geth.skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-wallets-"));
  const running: Background[] = [];
  t.after(async () => {
    for (const program of running) await program.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const original = await definitionIn(folder);
  const enr = (await ours(`enr --data-dir ${join(folder, "op1")}`)).trim();
  const seated = seatOperator(parseDefinition(readFileSync(original, "utf8")), 1, enr);
  const signed = withSignatures(seated, 1, { config: SIGNATURE, enr: SIGNATURE });
  const endpoint = `--execution-client-rpc-endpoint ${await startGeth(running, folder, contractQuestions(signed, undefined, [1]))}`;

  const sign = (more: string): string => `definition sign --definition-file ${original} ${more}`;
  const asOperator = (i: number): string => `--data-dir ${join(folder, `op${i}`)}`;
  const asWallet = (signature: Uint8Array): string =>
    sign(
      `${asOperator(1)} --address ${WALLET} --config-signature ${toHex(signature)} --enr-signature ${toHex(SIGNATURE)} ${endpoint}`,
    );
  const wrong = await trireme(asWallet(new Uint8Array(130).fill(0x13)));
  assert.match(wrong.err, /refuses to judge this signature \(execution reverted\)/);
  await ours(asWallet(SIGNATURE));
  for (const i of [0, 2, 3])
    await ours(
      sign(`${asOperator(i)} --address ${walletOf(i)} --wallet-key-file ${join(folder, `wallet${i}`)}`),
    );
  await ours(sign(`--creator --wallet-key-file ${join(folder, "wallet4")}`));
  const copies = ["creator", ...[0, 1, 2, 3].map((i) => `operator-${i}`)]
    .map((name) => join(folder, `cluster-definition-${name}.json`))
    .join(" ");
  const merged = join(folder, "signed.json");
  const merge = `definition merge ${copies} --output-file ${merged}`;
  assert.match((await trireme(merge)).err, /whose: operator 1/);
  assert.match(await ours(`${merge} ${endpoint}`), /everybody has signed/);
  t.diagnostic("Trireme: refused without geth, taken with it");

  // Charon looks at who is there once the definition is verified.
  const without = await charonDkg(running, folder, merged, "");
  assert.match(without, /invalid operator config signature/);
  const withGeth = await charonDkg(running, folder, merged, endpoint.replace(" ", "="));
  assert.match(withGeth, /Peer summary/);
  t.diagnostic("Charon: refused without geth, taken with it");
});

/** What Charon says until it looks for its peers, or ends. */
async function charonDkg(
  running: Background[],
  folder: string,
  definition: string,
  more: string,
): Promise<string> {
  const home = mkdtempSync(join(folder, "charon-"));
  const key = readFileSync(join(folder, "op0", "charon-enr-private-key"));
  writeFileSync(join(home, "charon-enr-private-key"), key, { mode: 0o600 });
  const dkg = new Background("charon", join(home, "charon.log"), charon.path, [
    "dkg",
    `--data-dir=${home}`,
    `--definition-file=${definition}`,
    "--p2p-relays=http://127.0.0.1:1",
    ...(more === "" ? [] : [more]),
  ]);
  dkg.start();
  running.push(dkg);
  let over = false;
  void dkg.over.then(() => {
    over = true;
  });
  const begun = Date.now();
  while (!dkg.log().includes("Peer summary") && !over && Date.now() - begun < 60_000)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return dkg.tail();
}
