import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, toHex } from "../base/index.ts";
import { clusterOf } from "../cluster/index.ts";
import { signedCluster } from "../cluster/testing/signed-cluster.ts";
import { verify } from "../crypto/index.ts";
import { type ChainSpec, type GroupKey, type OperatorIndex, readChainSpec } from "../spec/index.ts";
import { combineExits } from "./combine-exits.ts";
import { ExitError } from "./errors.ts";
import { type ExitFile, readExitFile, writeExitFile } from "./exit-file.ts";
import { exitRoot, signExits } from "./sign-exits.ts";

const golden = join(import.meta.dirname, "../../test/golden/duty");
const dataOf = (name: string): never =>
  (JSON.parse(readFileSync(join(golden, name), "utf8")) as { data: never }).data;
const chain: ChainSpec = readChainSpec(dataOf("spec.json"), dataOf("genesis.json"));
const created = signedCluster();
const cluster = clusterOf(created.lock);
const leaving = cluster.validators.map(({ groupKey }, i) => ({ groupKey, validatorIndex: 700 + i }));

/** What an operator writes and another one reads. */
function fileOf(operator: number, epoch = 0): ExitFile {
  const shares = new Map(
    created.shares.flatMap((ofValidator, i) => {
      const share = ofValidator[operator];
      const groupKey = cluster.validators[i]?.groupKey;
      return share === undefined || groupKey === undefined ? [] : [[groupKey, share.secret] as const];
    }),
  );
  const text = writeExitFile({
    lockHash: toHex(cluster.lockHash),
    operator: operator as OperatorIndex,
    exits: signExits(chain, leaving, { shares, epoch }),
  });
  return readExitFile(text, "exits.json");
}

/** Fails with the code, and names whom it is about. */
const says =
  (code: string, fact: string, value: unknown): ((error: unknown) => boolean) =>
  (error) => {
    assert.ok(error instanceof ExitError);
    assert.equal(error.code, code);
    assert.deepEqual(error.facts[fact], value);
    return true;
  };

test("the files of any threshold of operators make exits under the validators' own keys", () => {
  for (const operators of [
    [0, 1, 2],
    [3, 1, 0],
    [0, 1, 2, 3],
  ]) {
    const whole = combineExits(
      chain,
      cluster,
      operators.map((i) => fileOf(i)),
    );
    assert.deepEqual(
      whole.map(({ groupKey, validatorIndex }) => ({ groupKey, validatorIndex })),
      leaving,
    );
    for (const { groupKey, signed } of whole) {
      const root = exitRoot(chain, { validatorIndex: signed.message.validatorIndex, epoch: 0 });
      assert.ok(verify({ publicKey: fromHex(groupKey), root, signature: signed.signature }));
    }
  }
});

test("a file that is given twice counts once, so fewer operators than the threshold make no exit", () => {
  assert.throws(
    () => combineExits(chain, cluster, [fileOf(1), fileOf(1), fileOf(2)]),
    says("exits/not-enough", "signed", [1, 2]),
  );
});

test("an operator whose signature is of another share, another exit or another name is named, and nothing is made", () => {
  const good = [fileOf(0), fileOf(1), fileOf(2)];
  const forged = { ...fileOf(3), operator: 2 as OperatorIndex };
  assert.throws(
    () => combineExits(chain, cluster, [...good.slice(0, 2), forged]),
    says("exits/bad-signature", "operator", 2),
  );
  const moved = { ...good[2], exits: good[2]?.exits.map((exit) => ({ ...exit, epoch: 9 })) } as ExitFile;
  assert.throws(
    () => combineExits(chain, cluster, [...good.slice(0, 2), moved]),
    says("exits/differ", "validator", leaving[0]?.groupKey),
  );
});

test("files of another cluster, of nobody in it, and of validators that it does not have are refused", () => {
  const file = fileOf(0);
  const strange = { ...file, lockHash: `0x${"00".repeat(32)}` as const };
  assert.throws(() => combineExits(chain, cluster, [strange]), says("exits/other-cluster", "operator", 0));
  const beyond = { ...file, operator: 4 as OperatorIndex };
  assert.throws(() => combineExits(chain, cluster, [beyond]), says("exits/other-cluster", "operator", 4));
  const [first] = file.exits;
  assert.ok(first !== undefined);
  const groupKey = `0x${"ab".repeat(48)}` as GroupKey;
  const unknown = { ...file, exits: [{ ...first, groupKey }] };
  assert.throws(
    () => combineExits(chain, cluster, [unknown]),
    says("exits/other-cluster", "validator", groupKey),
  );
});

test("a file that is not as it was written is refused with the place", () => {
  const text = writeExitFile(fileOf(0));
  const places: readonly (readonly [from: string | RegExp, to: string, where: string])[] = [
    [/^/, "{", "file"],
    ['"operator": 0', '"operator": 256', "file.operator"],
    [/"lock_hash": "0x../, '"lock_hash": "0x', "file.lock_hash"],
    ['"epoch": "0"', '"epoch": 0', "file.partial_exits[0].signed_exit_message.message.epoch"],
    [/"signature": "0x../, '"signature": "0x', "file.partial_exits[0].signed_exit_message.signature"],
  ];
  for (const [from, to, where] of places) {
    const broken = text.replace(from, to);
    assert.notEqual(broken, text);
    assert.throws(() => readExitFile(broken, "x.json"), says("exits/bad-file", "where", where));
  }
});
