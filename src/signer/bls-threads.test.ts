import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { combineSlot } from "../crypto/index.ts";
import { honestJob, type TestValidator, testRoot, testValidator } from "../crypto/testing/slot.ts";
import type { CombineJob, Logger } from "../ports/index.ts";
import { silent } from "../ports/index.ts";
import type { GroupKey, ShareIndex } from "../spec/index.ts";
import { createBlsThreads } from "./index.ts";
import { packJobs, packResults, packSets, unpackJobs, unpackResults, unpackSets } from "./packed-work.ts";

/** More than the calling thread tries by itself. */
const validators = Array.from({ length: 20 }, (_, i) => testValidator(i, { threshold: 3, shareCount: 4 }));
const root = testRoot("a slot");
const first = validators[0] as TestValidator;
const honest = (): CombineJob[] => validators.map((validator) => honestJob(validator, root));
/** Which it leaves to a thread, since one of them is a lie: every cheap set has share 3. */
const lying = (): CombineJob[] => honest().map((job, i) => (i === 4 ? withBadPartial(job, 3) : job));

function withBadPartial(job: CombineJob, share: number): CombineJob {
  const bad = job.partials.find((partial) => partial.share !== share)?.signature as Uint8Array;
  return { ...job, partials: job.partials.map((p) => (p.share === share ? { ...p, signature: bad } : p)) };
}

/** A log that keeps the sentences of errors. */
function errorsOf(): { readonly log: Logger; readonly errors: string[] } {
  const errors: string[] = [];
  const log: Logger = { ...silent, error: (sentence) => void errors.push(sentence), room: () => log };
  return { log, errors };
}

const folder = mkdtempSync(join(tmpdir(), "trireme-threads-"));
after(() => rmSync(folder, { recursive: true }));

function program(name: string, code: string): URL {
  const path = join(folder, name);
  writeFileSync(path, code);
  return pathToFileURL(path);
}

test("a thread gives the results that the calling thread would give", async () => {
  const threads = createBlsThreads({ threads: 1 });
  const jobs = lying();
  assert.deepEqual(await threads.combine(jobs), combineSlot(jobs));

  const sets = validators.map(({ key }, i) => ({
    publicKey: key.publicKey(),
    root,
    signature: key.sign(i === 6 ? testRoot("another") : root),
  }));
  assert.deepEqual(
    await threads.verify(sets),
    sets.map((_, i) => i !== 6),
  );
  await threads.close();
});

test("a large list is shared out among two threads and comes back in order", async () => {
  const threads = createBlsThreads({ threads: 2 });
  const jobs = [...honest(), ...honest(), ...honest(), ...honest()];
  const results = await threads.combine(jobs);
  assert.deepEqual(
    results.map(({ signature }) => signature),
    jobs.map((_, i) => validators[i % validators.length]?.key.sign(root)),
  );
  await threads.close();
});

test("hostile jobs come back as refusals from a thread too", async () => {
  const threads = createBlsThreads({ threads: 1 });
  const [job] = honest() as [CombineJob];
  const bad = new Uint8Array(5000).fill(1);
  const jobs: CombineJob[] = [
    job,
    { ...job, groupKey: "rubbish" as GroupKey },
    { ...job, partials: [{ share: Number.NaN as ShareIndex, signature: bad }, ...job.partials] },
    { ...job, partials: [] },
    { ...job, threshold: Number.NaN },
  ];
  const results = await threads.combine(jobs);
  assert.deepEqual(
    results.map(({ signature }) => signature !== undefined),
    [true, false, true, false, false],
  );
  assert.deepEqual(results[2]?.guilty, [Number.NaN]);
  await threads.close();
});

test("few jobs are done without a thread", async () => {
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: program("never.mjs", "throw 1;") });
  const [result] = await threads.combine([honestJob(first, root)]);
  assert.deepEqual(result?.signature, first.key.sign(root));
  await threads.close();
  assert.deepEqual(errors, []);
});

test("an honest batch of a small cluster is done without a thread, a lie in it is found by one", async () => {
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: program("not-yet.mjs", "throw 1;") });
  const jobs = honest().slice(0, 16);
  assert.deepEqual(await threads.combine(jobs), combineSlot(jobs));
  assert.deepEqual(errors, []);

  const lied = lying().slice(0, 16);
  assert.deepEqual(await threads.combine(lied), combineSlot(lied));
  assert.equal(errors.length, 1);
  await threads.close();
});

test("no thread is started for a few honest batches; the rest goes to one from the batch on that holds a lie", async () => {
  const asked = program(
    "asked.mjs",
    `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(3));`,
  );
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: asked });
  const jobs = [...honest(), ...honest()];
  assert.deepEqual(await threads.combine(jobs), combineSlot(jobs));
  assert.deepEqual(errors, []);

  const lied = jobs.map((job, i) => (i === 20 ? withBadPartial(job, 3) : job));
  assert.deepEqual(await threads.combine(lied), combineSlot(lied));
  assert.equal(errors.length, 1, "a thread was asked once");
  await threads.close();
});

test("once a thread is there it also gets the batches that would be done without one", async () => {
  const counting = program(
    "counting.mjs",
    `import { parentPort } from "node:worker_threads";
    let seen = 0;
    parentPort.on("message", ({ id }) => ++seen === 1 ? parentPort.postMessage({ id, packed: new Uint8Array(8) }) : process.exit(3));`,
  );
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: counting });
  const jobs = honest();
  await threads.combine(lying());
  await threads.combine(jobs.slice(0, 4));
  assert.equal(errors.length, 0, "four are done here");
  assert.deepEqual(await threads.combine(jobs.slice(0, 16)), combineSlot(jobs.slice(0, 16)));
  assert.equal(errors.length, 1, "sixteen went to the thread");
  await threads.close();
});

test("a job of many operators goes to a thread even when it is alone", async () => {
  const large = testValidator(50, { threshold: 9, shareCount: 13 });
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: program("never-either.mjs", "throw 1;") });
  const [result] = await threads.combine([honestJob(large, root)]);
  assert.deepEqual(result?.signature, large.key.sign(root));
  assert.equal(errors.length, 1);
  await threads.close();
});

test("when a thread dies with work in its hands the work is done all the same", async () => {
  const dying = program(
    "dying.mjs",
    `import { parentPort } from "node:worker_threads"; parentPort.on("message", () => process.exit(3));`,
  );
  const { log, errors } = errorsOf();
  const threads = createBlsThreads({ threads: 1, log, program: dying });
  for (let crash = 1; crash <= 8; crash++) {
    const [lied, ...rest] = honest().slice(0, 3) as [CombineJob, ...CombineJob[]];
    const results = await threads.combine([withBadPartial(lied, 3), ...rest]);
    assert.ok(results.every(({ signature }) => signature !== undefined));
  }
  // It is started again a few times, and then no more.
  assert.equal(errors.length, 6);
  await threads.close();
});

test("a thread that cannot even be loaded fails no request", async () => {
  const { log, errors } = errorsOf();
  const missing = pathToFileURL(join(folder, "not-there.mjs"));
  const threads = createBlsThreads({ threads: 2, log, program: missing });
  const results = await threads.combine(lying());
  assert.ok(results.every(({ signature }) => signature !== undefined));
  assert.ok(errors.length > 0);
  await threads.close();
});

test("closing lets work under way finish, and later work is done in the calling thread", async () => {
  const threads = createBlsThreads({ threads: 1 });
  const underway = threads.combine(lying());
  await threads.close();
  assert.ok((await underway).every(({ signature }) => signature !== undefined));
  const results = await threads.combine(lying());
  assert.ok(results.every(({ signature }) => signature !== undefined));
  await threads.close();
});

test("packed work is unpacked as it was", () => {
  const jobs = honest();
  assert.deepEqual(unpackJobs(packJobs(jobs)), jobs);
  const results = combineSlot(jobs.slice(0, 2));
  assert.deepEqual(unpackResults(packResults(results)), results);
  const sets = [{ publicKey: first.key.publicKey(), root, signature: first.key.sign(root) }];
  assert.deepEqual(unpackSets(packSets(sets)), sets);
  assert.deepEqual(unpackJobs(packJobs([])), []);
});
