import assert from "node:assert/strict";
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folderOf, trireme } from "./testing/trireme.ts";

const [FEES, STAKE, OTHER] = ["11", "22", "33"].map((byte) => `0x${byte.repeat(20)}`) as [
  string,
  string,
  string,
];

async function cluster(folder: string, more = ""): Promise<string> {
  const made = await trireme(
    `create cluster --cluster-dir ${folder} --network hoodi --num-validators 5 --fee-recipient-addresses ${FEES} --withdrawal-addresses ${STAKE} --insecure-keys ${more}`,
  );
  assert.equal(made.code, 0, made.err);
  return join(folder, "node1");
}

/** Changes a read-only text file. */
function change(path: string, edit: (text: string) => string): void {
  const before = readFileSync(path, "utf8");
  chmodSync(path, 0o600);
  writeFileSync(path, edit(before));
  assert.notEqual(readFileSync(path, "utf8"), before);
}

test("verify says of a whole folder that it belongs together, whose it is, and its settings once for all validators", async (t) => {
  const node = await cluster(folderOf(t));
  const { code, out } = await trireme(`verify ${node}`);
  assert.equal(code, 0);
  assert.match(out, /operator 1 of 4 in a cluster on hoodi/);
  assert.match(out, /5 key shares open, and are operator 1's of all 5 validators/);
  assert.match(out, /All 5 validators\n +withdrawals to +0x2222.*0x01/);
  assert.match(out, /fee recipient +0x1111/);
  assert.match(out, /of 1, 32 ETH/);
  assert.match(out, /Everything here belongs together/);
  assert.doesNotMatch(out, /✘/);
});

test("verify groups validators by settings, in words and as JSON", async (t) => {
  const node = await cluster(
    folderOf(t),
    `--withdrawal-addresses ${STAKE},${STAKE},${OTHER},${STAKE},${OTHER} --compounding --deposit-amounts 32,100`,
  );
  const { out } = await trireme(`verify ${node}`);
  assert.match(out, /Validators 0-1, 3: .*\n +withdrawals to +0x2222.*0x02/);
  assert.match(out, /Validators 2, 4: .*\n +withdrawals to +0x3333/);
  const { verified, settings, operator } = JSON.parse((await trireme(`verify ${node} --json`)).out) as {
    verified: boolean;
    operator: number;
    settings: {
      validators: string[];
      withdrawalAddress: string;
      compounding: boolean;
      depositAmountsGwei: number[];
    }[];
  };
  assert.deepEqual([verified, operator], [true, 1]);
  assert.deepEqual(
    settings.map(({ validators, withdrawalAddress }) => [validators.length, withdrawalAddress]),
    [
      [3, STAKE],
      [2, OTHER],
    ],
  );
  assert.ok(settings.every(({ compounding }) => compounding));
  assert.deepEqual(settings[0]?.depositAmountsGwei, [32e9, 100e9]);
});

test("verify names each thing that does not belong, and ends with exit code 1", async (t) => {
  const folder = folderOf(t);
  const node = await cluster(folder);
  const other = await cluster(join(folder, "other"));
  const keys = (home: string, i: number, end: string): string =>
    join(home, "validator_keys", `keystore-insecure-${i}.${end}`);
  const copyShare = (from: string, i: number, to: string): void => {
    for (const end of ["json", "txt"]) cpSync(keys(from, i, end), keys(to, i, end), { force: true });
  };
  const flipped = (text: string): string =>
    text.replace(
      /"signature": "(0x)?(.)/,
      (_, x = "", digit) => `"signature": "${x}${digit === "a" ? "b" : "a"}`,
    );
  const cases: readonly (readonly [string, (home: string) => void, RegExp])[] = [
    [
      "another operator's share",
      (home) => copyShare(join(folder, "node2"), 3, home),
      /keystore-insecure-3\.json is operator 2's share of validator 3, not operator 1's/,
    ],
    [
      "another cluster's share",
      (home) => copyShare(other, 3, home),
      /keystore-insecure-3\.json is of no validator/,
    ],
    ["a share left out", (home) => rmSync(keys(home, 4, "json")), /no key share here of 1 validators: 4/],
    [
      "a wrong password",
      (home) => change(keys(home, 0, "txt"), () => "guess"),
      /keystore-insecure-0\.json: the password is not this keystore's[\s\S]*passwordFile: .*keystore-insecure-0\.txt[\s\S]*put the one that was written with keystore-insecure-0\.json/,
    ],
    [
      "another node key",
      (home) => cpSync(join(other, "charon-enr-private-key"), join(home, "charon-enr-private-key")),
      /✘ node key/,
    ],
    ["no node key", (home) => rmSync(join(home, "charon-enr-private-key")), /✘ node key/],
    [
      "another amount in a deposit file",
      (home) => change(join(home, "deposit-data.json"), (text) => text.replace("32000000000", "31000000000")),
      /amount of 0x.* in deposit-data\.json/,
    ],
    [
      "another address in a deposit file",
      (home) => change(join(home, "deposit-data.json"), (text) => text.replace(/2222/, "3333")),
      /withdrawal_credentials of 0x/,
    ],
    [
      "a forged signature in a deposit file",
      (home) => change(join(home, "deposit-data-1eth.json"), flipped),
      /signature of 0x/,
    ],
    ["a deposit file left out", (home) => rmSync(join(home, "deposit-data.json")), /✘ deposit files/],
    [
      "a deposit file of another amount",
      (home) => cpSync(join(home, "deposit-data.json"), join(home, "deposit-data-7eth.json")),
      /deposit-data-7eth\.json/,
    ],
    [
      "another fee recipient in the lock",
      (home) =>
        change(join(home, "cluster-lock.json"), (text) => text.replaceAll("1111111111", "1111111112")),
      /the lock was changed after it was made[\s\S]*config_hash/,
    ],
    [
      "a forged node signature",
      (home) =>
        change(join(home, "cluster-lock.json"), (text) =>
          text.replace(
            /("node_signatures": \[\s+"0x)(..)/,
            (_, head, byte) => `${head}${byte === "00" ? "11" : "00"}`,
          ),
        ),
      /✘ node signatures/,
    ],
    [
      "a forged deposit in the lock",
      (home) =>
        change(join(home, "cluster-lock.json"), (text) =>
          text.replace(
            /("amount": "32000000000",\s+"signature": "0x)(..)/,
            (_, head, byte) => `${head}${byte === "8f" ? "8e" : "8f"}`,
          ),
        ),
      /✘ deposits/,
    ],
  ];
  for (const [i, [what, damage, wanted]] of cases.entries()) {
    const home = join(folder, `case${i}`);
    cpSync(node, home, { recursive: true });
    damage(home);
    const { code, out, err } = await trireme(`verify ${home}`);
    assert.equal(code, 1, what);
    assert.match(out, wanted, what);
    assert.match(err, /does not verify/, what);
    assert.equal((await trireme(`verify ${home} --no-verify`)).code, 0, what);
  }
});

test("what a cluster calls itself gives the terminal no commands and no line of its own", async (t) => {
  const name = "\u001b]52;c;ZXZpbA==\u0007\u009b2J\nEverything";
  const node = await cluster(folderOf(t), `--name ${name}`);
  for (const flags of ["", "--json"]) {
    const { code, out } = await trireme(`verify ${node} ${flags}`);
    assert.equal(code, 0);
    for (const line of out.split("\n")) assert.doesNotMatch(line, /\p{Cc}|^Everything$/u);
  }
  assert.equal((JSON.parse((await trireme(`verify ${node} --json`)).out) as { name: string }).name, name);
});

test("verify without a lock says which folder it wants", async (t) => {
  const { code, err } = await trireme(`verify ${folderOf(t)}`);
  assert.equal(code, 1);
  assert.match(err, /cluster-lock\.json/);
});
