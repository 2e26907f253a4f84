import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { addr } from "micro-eth-signer";
import { parseDefinition, withHashes, writeLock } from "../cluster/index.ts";
import { signedCluster, signLock } from "../cluster/testing/signed-cluster.ts";
import { ACCEPTED, executionNode, NOT_ACCEPTED } from "../execution/testing/execution-node.ts";
import { folderOf, trireme } from "./testing/trireme.ts";

const OWNER = `0x${"11".repeat(20)}`;
const SAFE = `0x${"5a".repeat(20)}`;
const CREATOR_KEY = "1004".padStart(64, "0");
/** Two owners' signatures, one after the other. */
const OF_TWO = `0x${"12".repeat(130)}`;

test("an operator whose wallet is a contract signs a definition, has it merged, and takes it into a ceremony", async (t) => {
  const folder = folderOf(t);
  const accepting = await executionNode(t, { call: () => ACCEPTED });
  const refusing = await executionNode(t, { call: () => NOT_ACCEPTED });
  const asking = (url: string): string => `--execution-client-rpc-endpoint ${url}`;
  writeFileSync(join(folder, "creator"), CREATOR_KEY);
  for (const i of [0, 1, 2, 3]) await trireme(`create enr --data-dir ${join(folder, `op${i}`)}`);
  const safes = [0, 1, 2, 3].map((i) => `${SAFE.slice(0, -1)}${i}`);
  const made = await trireme(
    `create dkg --output-dir ${folder} --network hoodi --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --definition-version v1.11.0 --operator-addresses ${safes.join(",")} --creator-address ${addr.fromPrivateKey(`0x${CREATOR_KEY}`)}`,
  );
  assert.equal(made.code, 0, made.err);
  const original = join(folder, "cluster-definition.json");
  const sign = (more: string): ReturnType<typeof trireme> =>
    trireme(`definition sign --definition-file ${original} ${more}`);
  const asSafe = (i: number): string =>
    `--data-dir ${join(folder, `op${i}`)} --address ${safes[i]} --config-signature ${OF_TWO} --enr-signature ${OF_TWO}`;

  const unasked = await sign(asSafe(0));
  assert.equal(unasked.code, 1);
  assert.match(unasked.err, /whose: operator 0 .*\n(.*\n)*.*--execution-client-rpc-endpoint/);
  const refused = await sign(`${asSafe(0)} ${asking(refusing.url)}`);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /contract: it says that this is not its signature/);
  const odd = await sign(`${asSafe(0).replaceAll(OF_TWO, OF_TWO.slice(0, -2))} ${asking(accepting.url)}`);
  assert.match(odd.err, /not 65 bytes.*\n.*so many for each owner/);
  for (const i of [0, 1, 2, 3]) assert.equal((await sign(`${asSafe(i)} ${asking(accepting.url)}`)).code, 0);
  const asked = accepting.asked.length;
  assert.equal(
    (await sign(`--creator --wallet-key-file ${join(folder, "creator")} ${asking(accepting.url)}`)).code,
    0,
  );
  assert.equal(accepting.asked.length, asked, "a wallet that is a key is no question");

  const copies = ["creator", "operator-0", "operator-1", "operator-2", "operator-3"]
    .map((who) => join(folder, `cluster-definition-${who}.json`))
    .join(" ");
  const merged = join(folder, "merged.json");
  const merge = (more: string): ReturnType<typeof trireme> =>
    trireme(`definition merge ${copies} --output-file ${merged} ${more}`);
  assert.match((await merge("")).err, /whose: operator 0/);
  const whole = await merge(asking(accepting.url));
  assert.match(whole.out, /everybody has signed/, whole.err);
  assert.equal(parseDefinition(readFileSync(merged, "utf8")).operators[1]?.enrSignature.length, 130);

  // A folder whose node key is nobody's: what comes after verification.
  await trireme(`create enr --data-dir ${join(folder, "stranger")}`);
  const dkg = (more: string): ReturnType<typeof trireme> =>
    trireme(`dkg --data-dir ${join(folder, "stranger")} --definition-file ${merged} ${more}`);
  assert.match((await dkg("")).err, /whose: operator 0/);
  assert.match((await dkg(asking(accepting.url))).err, /of nobody in the definition/);
  const forced = await dkg("--no-verify");
  assert.match(forced.err, /warning: .*\n(.*\n)*.*of nobody in the definition/);
});

test("verify, combine and run take a lock that contracts signed, once an execution client says so", async (t) => {
  const folder = folderOf(t);
  const { lock, nodeKeys, shares } = signedCluster();
  const { creator, operators } = lock.definition;
  const ofContract = new Uint8Array(65).fill(0x12);
  const definition = withHashes({
    ...lock.definition,
    creator: { ...creator, configSignature: ofContract },
    operators: operators.map((one, i) => (i === 2 ? { ...one, enrSignature: ofContract } : one)),
  });
  const contracts = [creator.address, operators[2]?.address];
  const node = await executionNode(t, {
    call: ({ params: [{ to }] }) => (contracts.includes(to) ? ACCEPTED : NOT_ACCEPTED),
  });
  const home = join(folder, "node0");
  mkdirSync(home);
  writeFileSync(
    join(home, "cluster-lock.json"),
    writeLock(signLock({ ...lock, definition }, nodeKeys, shares)),
  );
  const commands = {
    verify: `verify ${home}`,
    combine: `combine --cluster-dir ${folder} --output-dir ${join(folder, "whole")}`,
    run: `run --data-dir ${home} --beacon-node-endpoints http://127.0.0.1:1`,
  };
  const asked = async (line: string) => {
    const { code, out, err } = await trireme(`${line} --execution-client-rpc-endpoint ${node.url}`);
    assert.equal(code, 1, "there is no key here");
    return `${out}${err}`;
  };
  for (const [name, line] of Object.entries(commands)) {
    const { code, out, err } = await trireme(line);
    assert.equal(code, 1, name);
    assert.match(`${out}${err}`, /whose: creator 0x/, name);
  }
  assert.match(await asked(commands.verify), /✔ wallets .*signed the definition with their wallets/);
  assert.match(await asked(commands.combine), /0 of the 3 operators|at least threshold|validator_keys/);
  assert.match(await asked(commands.run), /read the node key/);
  assert.equal(
    node.asked.filter(({ method }) => method === "eth_call").length,
    3 * 2,
    "nothing else is a question",
  );

  const forced = await trireme(`${commands.run} --no-verify`);
  assert.match(forced.err, /read the node key/);
});

test("an endpoint that is no URL is wrong usage, and is not repeated", async (t) => {
  const { code, err } = await trireme(
    `verify ${folderOf(t)} --execution-client-rpc-endpoint ws://user:secret@127.0.0.1:8546`,
  );
  assert.equal(code, 2);
  assert.match(err, /not an http or https URL/);
  assert.doesNotMatch(err, /secret/);
});
