import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { seededRandom } from "../base/index.ts";
import { readKeystores } from "../cluster/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { type Logger, silent } from "../ports/index.ts";
import { Journal } from "./journal.ts";
import { parts } from "./progress.ts";
import { isGoodbye, stepTold } from "./testing/goodbye.ts";
import { Operators } from "./testing/operators.ts";

function operators(t: TestContext, options: ConstructorParameters<typeof Operators>[0]): Operators {
  const made = new Operators(options);
  t.after(() => made.end());
  return made;
}

/** Every operator has the same valid lock (the ceremony verified it) and the shares that it names. */
async function assertComplete(all: Operators): Promise<void> {
  const first = all.lock(0);
  for (const i of all.keys.keys()) {
    const lock = all.lock(i);
    assert.deepEqual(lock, first);
    for (const { index, secret } of await readKeystores(`${all.folder(i)}/validator_keys`))
      assert.deepEqual(secret.publicKey(), lock.validators[index]?.publicShares[i]);
    assert.ok(!all.hasJournal(i), "the journal is gone");
  }
}

for (const algorithm of ["frost", "pedersen"])
  test(`four operators end with one lock, each with its own shares, and nothing else is left (${algorithm})`, async (t) => {
    const all = operators(t, { operators: 4, validators: 3, algorithm });
    for (const i of all.keys.keys()) await all.start(i);
    for (const i of all.keys.keys()) assert.equal(await all.running(i).over, undefined);
    await assertComplete(all);
    assert.equal(all.lock(0).validators.length, 3);
  });

test("operators killed again and again at any moment end with one valid lock", async (t) => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed);
    const algorithm = seed > 5 ? "pedersen" : "frost";
    const all = operators(t, { operators: 4, validators: 1, algorithm });
    for (const i of all.keys.keys()) await all.start(i);
    for (let kills = 0; kills < 12; kills++) {
      await pause(random.next() * 60);
      const victim = Math.floor(random.next() * 4);
      if (all.hasJournal(victim) === false) continue; // It has finished.
      seen.add(all.running(victim).progress().part);
      await all.kill(victim);
      await pause(random.next() * 30);
      if (all.hasJournal(victim)) await all.start(victim);
    }
    for (const i of all.keys.keys())
      assert.equal(await all.running(i).over, undefined, `replay with seed ${seed}`);
    await assertComplete(all);
  }
  assert.ok(seen.size >= 2, `killed in ${[...seen].join()}`);
});

for (const part of parts)
  test(`an operator killed while it is ${part.title.toLowerCase()} goes on where it was`, async (t) => {
    const all = operators(t, { operators: 4, validators: 1 });
    for (const i of all.keys.keys()) await all.start(i);
    while (all.running(2).progress().part !== part.name) await pause(1);
    await all.kill(2);
    await pause(20);
    if (all.hasJournal(2)) await all.start(2);
    for (const i of [0, 1, 3]) assert.equal(await all.running(i).over, undefined);
    assert.equal(await all.running(2).over, undefined);
    await assertComplete(all);
  });

/** Operator 3 tells some that its shares are stored, and is gone for good as soon as they have put theirs in place. */
async function goneAfterTelling(all: Operators, told: readonly number[]): Promise<void> {
  const storing = parts.find(({ name }) => name === "storing")?.step ?? 0;
  all.network.passes = ({ from, to, bytes }) => from !== 3 || told.includes(to) || stepTold(bytes) < storing;
  for (const i of all.keys.keys()) await all.start(i);
  while (told.some((i) => all.running(i).progress().part !== "finishing")) await pause(1);
  await all.kill(3);
}

test("who has not heard that an operator stored its shares has it from two others, when that one is gone", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  await goneAfterTelling(all, [0, 1]);
  for (const i of [0, 1, 2]) assert.equal(await all.running(i).over, undefined);
  assert.deepEqual(all.published(2), all.published(0));
});

test("one other alone does not make anybody put results in place before all have stored theirs: it may lie", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  await goneAfterTelling(all, [0]);
  assert.equal(await all.running(0).over, undefined);
  for (const i of [1, 2]) assert.deepEqual(all.published(i), []);
});

/** Says who of them had to give up waiting for a goodbye. */
function impatience(): { readonly log: Logger; readonly warnings: string[] } {
  const warnings: string[] = [];
  const log: Logger = { ...silent, warn: (message) => void warnings.push(message), room: () => log };
  return { log, warnings };
}

test("an operator that was killed at the end and comes back slowly leaves only when its goodbye was heard", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  const { log, warnings } = impatience();
  for (const i of all.keys.keys()) await all.start(i, log);
  while (all.running(2).progress().part !== "finishing") await pause(1);
  await all.kill(2);
  // It hears everybody's goodbye before anybody hears its own.
  const heard = new Set<number>();
  all.network.passes = ({ from, to, bytes }) => {
    if (to === 2 && isGoodbye(bytes)) heard.add(from);
    return from !== 2 || !isGoodbye(bytes) || heard.size === 3;
  };
  await all.start(2, log);
  for (const i of all.keys.keys()) assert.equal(await all.running(i).over, undefined);
  assert.deepEqual(warnings, []);
  await assertComplete(all);
});

test("an operator that was killed when everybody had its results finishes though all others have left", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  const { log, warnings } = impatience();
  const said = Promise.withResolvers<void>();
  all.network.passes = ({ from, to, bytes }) => {
    if (from === 2 && isGoodbye(bytes)) said.resolve();
    return to !== 2 || !isGoodbye(bytes);
  };
  for (const i of all.keys.keys()) await all.start(i, log);
  await said.promise;
  await all.kill(2);
  for (const i of [0, 1, 3]) assert.equal(await all.running(i).over, undefined);
  await all.start(2, log);
  assert.equal(await all.running(2).over, undefined);
  assert.deepEqual(warnings, []);
  await assertComplete(all);
});

test("an operator that lost its journal ends the ceremony at all, by name, and nothing usable is left", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  for (const i of all.keys.keys()) await all.start(i);
  while (all.running(2).progress().part !== "deposits") await pause(1);
  await all.kill(2);
  const { rmSync } = await import("node:fs");
  rmSync(`${all.folder(2)}/trireme`, { recursive: true });
  await all.start(2);
  for (const i of [0, 1, 3]) {
    const error = await all.running(i).over;
    assert.match(error?.message ?? "", /operator 2/);
    assert.deepEqual(all.published(i), []);
    assert.ok(!all.hasJournal(i));
  }
});

test("nobody writes deposit data, nor anything else for use, before everybody has stored its shares", async (t) => {
  const all = operators(t, { operators: 4, validators: 4 });
  for (const i of all.keys.keys()) await all.start(i);
  while (all.running(2).progress().part !== "storing") await pause(1);
  await all.kill(2);
  const others = [0, 1, 3];
  const hasStored = (i: number): boolean => {
    const { part, keysDone } = all.running(i).progress();
    return part === "finishing" || (part === "storing" && keysDone === 4);
  };
  while (!others.every(hasStored)) await pause(5);
  await pause(100); // Would be enough to publish: their own shares are stored.
  for (const i of others) assert.deepEqual(all.published(i), [], `operator ${i}`);
  await all.start(2);
  for (const i of all.keys.keys()) assert.equal(await all.running(i).over, undefined);
  await assertComplete(all);
});

test("an operator that is restarted among Charons who have all left ends, and says that they do so", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  const path = `${all.folder(1)}/trireme/ceremony.journal`;
  const { journal } = await Journal.open(path, all.keys[1] as NodeKey, all.definition.definitionHash);
  await journal.append({ kind: "begin", attempt: new Uint8Array(16).fill(1) });
  await journal.append({ kind: "seed", seed: new Uint8Array(32).fill(2), dialect: "v1.11 2" });
  await journal.append({ kind: "step", step: 2 });
  await journal.close();
  await all.start(1);
  const error = await all.running(1).over;
  assert.match(error?.message ?? "", /operator \d is gone since this node was restarted: a Charon then ends/);
  assert.deepEqual(all.published(1), []);
  assert.ok(!all.hasJournal(1));
});

test("everyone killed at once goes on together", async (t) => {
  const all = operators(t, { operators: 4, validators: 1 });
  for (const i of all.keys.keys()) await all.start(i);
  while (all.running(1).progress().part !== "registrations") await pause(1);
  for (const i of all.keys.keys()) await all.kill(i);
  for (const i of all.keys.keys()) assert.match(String((await all.running(i).over)?.message), /interrupted/);
  for (const i of all.keys.keys()) await all.start(i);
  for (const i of all.keys.keys()) assert.equal(await all.running(i).over, undefined);
  await assertComplete(all);
});
