import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { judgedKinds } from "../../src/chain/index.ts";
import { FIRST_WATCHED_SLOT, type MixedNode, startMixedCluster } from "./mixed-cluster.ts";
import { dutiesOf, partialsTaken } from "./observe.ts";
import { notPicked, peerProgram } from "./peers.ts";

// docs/moving.md, step by step: an operator goes from Charon with Prysm's validator to Trireme and back, the others go on.
// Method: the same processes and the same chain as in mixed.test.ts; the commands are those of the document.
const SLOT_MS = Number(process.env["INTEROP_SLOT_MS"] ?? 5_000);
const NAME = "an operator moves from Charon to Trireme and back";
const MAIN = resolve(import.meta.dirname, "../../src/main.ts");
const VALIDATORS = 16;
/** When the operator leaves Charon, and the first slot after two whole epochs of watching. */
const MOVE_SLOT = FIRST_WATCHED_SLOT + 14;
const SIGNS_SLOT = 4 * 32;
const BACK_SLOT = SIGNS_SLOT + 20;
const END_SLOT = BACK_SLOT + 24;

const charon = peerProgram("CHARON_BIN");
const prysm = peerProgram("PRYSM_VALIDATOR_BIN");
const skip = notPicked(NAME) || charon.skip || prysm.skip;

interface Interchange {
  readonly data: readonly {
    readonly pubkey: string;
    readonly signed_attestations: readonly { readonly target_epoch: string }[];
  }[];
}

test(NAME, { skip }, async (t) => {
  const cluster = await startMixedCluster({
    charon: charon.path,
    clients: { prysm: prysm.path },
    seats: ["charon+prysm", "trireme", "trireme", "trireme"],
    relay: "trireme",
    validators: VALIDATORS,
    slotMs: SLOT_MS,
  });
  const [before, other] = cluster.nodes as readonly [MixedNode, MixedNode];
  const after = cluster.trireme(before);
  const heard = async (): Promise<number> => partialsTaken(await other.metrics(), before);
  try {
    await cluster.atSlot(MOVE_SLOT);
    assert.ok((await heard()) > 0, "Charon's client signed");

    await stopped(before);
    const fromPrysm = await exportOfPrysm(before);
    await trireme(`slashing-protection import --data-dir ${before.home} ${fromPrysm}`);
    after.process.start();
    await cluster.atSlot(MOVE_SLOT + 6);
    const silent = await heard();
    await cluster.atSlot(SIGNS_SLOT);
    assert.match(after.process.log(), /Watching the chain before signing.*imported memory/);
    assert.equal(await heard(), silent, "nothing is signed in two whole epochs");
    await cluster.atSlot(BACK_SLOT - 2);
    assert.match(after.process.log(), /No double was seen/);
    assert.ok((await heard()) > silent, "Trireme signs after the watch");

    await cluster.atSlot(BACK_SLOT);
    await stopped(after);
    const fromTrireme = join(before.home, "for-prysm.json");
    await trireme(
      `slashing-protection export --data-dir ${before.home} --for-validator-client ${fromTrireme}`,
    );
    await importIntoPrysm(before, fromTrireme);
    const [signed, known] = [newestTargets(fromTrireme), newestTargets(await exportOfPrysm(before))];
    assert.equal(signed.size, VALIDATORS);
    assert.deepEqual(known, signed, "Prysm's memory ends where Trireme's does");
    before.process.start();
    before.client?.start();
    await cluster.atSlot(BACK_SLOT + 6);
    const back = await heard();
    await cluster.atSlot(END_SLOT);
    assert.ok((await heard()) > back, "Charon's client signs again");

    // What the operator led in the slot in which its program stopped may be late.
    const spans = [
      [FIRST_WATCHED_SLOT, MOVE_SLOT - 1],
      [MOVE_SLOT + 2, BACK_SLOT - 1],
      [BACK_SLOT + 2, END_SLOT - 2],
    ] as const;
    const late = spans.flatMap(([from, to]) => {
      const { onTime, bad } = dutiesOf(cluster, from, to, judgedKinds);
      t.diagnostic(`slots ${from} to ${to - 1}: ${onTime} of ${onTime + bad.length} duties on time`);
      return bad;
    });
    assert.deepEqual(late, [], "every duty is on time");
    assert.equal(cluster.chain.report().slashings.count, 0, "nothing slashable");
  } finally {
    await cluster.stop();
  }
});

async function stopped({ client, process }: MixedNode): Promise<void> {
  await client?.end();
  await process.end();
}

/** Runs a command of Trireme to its end. @throws with what it said when it fails */
async function trireme(line: string): Promise<void> {
  await promisify(execFile)(process.execPath, [MAIN, ...line.split(" ")]);
}

/** The interchange file of a node's stopped client. */
async function exportOfPrysm({ clientFolder }: MixedNode): Promise<string> {
  const folder = join(clientFolder, "export");
  mkdirSync(folder, { recursive: true });
  await promisify(execFile)(prysm.path, [
    "slashing-protection-history",
    "export",
    `--datadir=${join(clientFolder, "data")}`,
    `--slashing-protection-export-dir=${folder}`,
    "--accept-terms-of-use",
  ]);
  return join(folder, "slashing_protection.json");
}

async function importIntoPrysm({ clientFolder }: MixedNode, file: string): Promise<void> {
  await promisify(execFile)(prysm.path, [
    "slashing-protection-history",
    "import",
    `--datadir=${join(clientFolder, "data")}`,
    `--slashing-protection-json-file=${file}`,
    "--accept-terms-of-use",
  ]);
}

/** The newest target of each key's votes. */
function newestTargets(file: string): ReadonlyMap<string, number> {
  const { data } = JSON.parse(readFileSync(file, "utf8")) as Interchange;
  return new Map(
    data
      .map(({ pubkey, signed_attestations: votes }): [string, number] => [
        pubkey,
        Math.max(...votes.map(({ target_epoch: target }) => Number(target))),
      ])
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
}
