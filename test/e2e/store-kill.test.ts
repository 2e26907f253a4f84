import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { seededRandom } from "../../src/base/index.ts";
import type { GroupKey } from "../../src/spec/index.ts";
import { openNodeStore } from "../../src/storage/index.ts";

interface Printed {
  readonly pubkey: GroupKey;
  readonly target: number;
  readonly fill: number;
}

const KILLS = 30;

// Goal: SIGKILL at any instruction loses no vote that was answered, and never the file.
// Method: one file, many lives. Each life is killed after a random number of answers and a random bit of spinning, so that
// the end falls before, inside and after transactions; then every answered vote of every life is contradicted and repeated.
test("after SIGKILL at any moment every answered vote is remembered and the file opens", {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-kill-"));
  const path = join(folder, "node.sqlite");
  const random = seededRandom(826);
  const remembered: Printed[] = [];
  try {
    for (let life = 0; life < KILLS; life++) {
      const printed = await liveAndDie(path, life, random.integer(25), random.integer(60_000));
      remembered.push(...printed);
      await assertRemembered(path, printed);
    }
    assert.ok(remembered.length > KILLS, "the child never got to admit anything");
    const lastTargets = remembered.slice(-500);
    await assertRemembered(path, lastTargets);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function liveAndDie(
  path: string,
  life: number,
  answers: number,
  spins: number,
): Promise<readonly Printed[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "store-kill-child.ts"), path, String(life), String(1 + life * 1_000)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "close");
  const printed: Printed[] = [];
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(...(JSON.parse(line) as Printed[]));
    if (lines++ !== answers) continue;
    for (let i = 0; i < spins; i++) Math.imul(i, i);
    child.kill("SIGKILL");
  }
  await ended;
  assert.equal(child.signalCode, "SIGKILL", "the child ended by itself");
  return printed;
}

async function assertRemembered(path: string, printed: readonly Printed[]): Promise<void> {
  const store = await openNodeStore({ path, lockHash: new Uint8Array(32).fill(5) });
  const ask = (change: number) =>
    store.admit(
      printed.map(({ pubkey, target, fill }) => ({
        pubkey,
        vote: {
          kind: "attestation",
          source: target - 1,
          target,
          signingRoot: new Uint8Array(32).fill((fill + change) % 256),
        },
      })),
      new AbortController().signal,
    );
  try {
    for (const verdict of await ask(1))
      assert.equal(verdict.admitted, false, "an answered vote was forgotten");
    for (const verdict of await ask(0))
      assert.equal(verdict.admitted, true, "an answered vote may not be repeated");
  } finally {
    await store.close();
  }
}
