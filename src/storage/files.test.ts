import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Clock } from "../ports/index.ts";
import { lockDataFolder } from "./folder-lock.ts";
import { lockPrivateKey } from "./private-key-lock.ts";
import { writeFileAtomic } from "./write-file.ts";

const root = mkdtempSync(join(tmpdir(), "trireme-files-"));
after(() => rmSync(root, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(root, "f-"));

test("a file is written whole, with the permissions asked for, and leaves nothing else behind", async () => {
  const path = join(folder(), "secret");
  await writeFileAtomic(path, "one");
  assert.equal(statSync(path).mode & 0o777, 0o600);
  await assert.rejects(writeFileAtomic(path, "two"), { code: "storage/unavailable" });
  assert.equal(readFileSync(path, "utf8"), "one");
  await writeFileAtomic(path, "three", { replace: true, mode: 0o444 });
  assert.equal(readFileSync(path, "utf8"), "three");
  assert.equal(statSync(path).mode & 0o777, 0o444);
  assert.deepEqual(readdirSync(join(path, "..")), ["secret"]);
});

test("writing over a symbolic link replaces the link and not what it points to", async () => {
  const here = folder();
  writeFileSync(join(here, "target"), "untouched");
  symlinkSync(join(here, "target"), join(here, "link"));
  await writeFileAtomic(join(here, "link"), "new", { replace: true });
  assert.equal(readFileSync(join(here, "target"), "utf8"), "untouched");
});

test("a folder that is not there is named", async () => {
  await assert.rejects(writeFileAtomic(join(root, "none", "x"), ""), { code: "storage/unavailable" });
});

test("a data folder has one holder, and the second one is told who it is", () => {
  const here = folder();
  const lock = lockDataFolder(here, "run");
  assert.throws(
    () => lockDataFolder(here, "dkg"),
    (error: { code?: string; facts?: { holder?: string } }) =>
      error.code === "storage/locked" && error.facts?.holder?.includes(`"pid":${process.pid}`) === true,
  );
  lock.release();
  lock.release();
  lockDataFolder(here, "dkg").release();
});

test("the lock of a process that was killed is free at once", async () => {
  const here = folder();
  const script = `import { lockDataFolder } from ${JSON.stringify(join(import.meta.dirname, "folder-lock.ts"))};
    lockDataFolder(${JSON.stringify(here)}, "run"); process.stdout.write("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  assert.throws(() => lockDataFolder(here, "run"), { code: "storage/locked" });
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  lockDataFolder(here, "run").release();
});

class ManualClock implements Clock {
  time = Date.UTC(2026, 0, 1);
  readonly due: (() => void)[] = [];
  now(): number {
    return this.time;
  }
  at(_: number, action: () => void): () => void {
    this.due.push(action);
    return () => this.due.splice(0, this.due.length, ...this.due.filter((a) => a !== action));
  }
}
const unexpected = (error: unknown): void => assert.fail(String(error));
const { signal } = new AbortController();

test("the private key's lock is Charon's file: renewed just now it refuses, after five seconds it does not", async () => {
  const clock = new ManualClock();
  const keyPath = join(folder(), "charon-enr-private-key");
  const options = { keyPath, command: "run", lockHash: "0xaa", onLost: unexpected, signal };
  const stop = await lockPrivateKey(clock, options);
  assert.deepEqual(JSON.parse(readFileSync(`${keyPath}.lock`, "utf8")), {
    command: "run",
    timestamp: "2026-01-01T00:00:00.000Z",
    cluster_lock_hash: "0xaa",
  });
  clock.time += 5_000;
  await assert.rejects(lockPrivateKey(clock, options), { code: "storage/locked" });
  clock.time += 1;
  (await lockPrivateKey(clock, options))();
  stop();
  assert.equal(clock.due.length, 0);
});

test("who can wait sees whether a fresh lock is a dead process's, and is refused when it is renewed meanwhile", async () => {
  for (const alive of [false, true]) {
    const clock = new ManualClock();
    const keyPath = join(folder(), "charon-enr-private-key");
    const lock = (renewed: number): void =>
      writeFileSync(
        `${keyPath}.lock`,
        JSON.stringify({ command: "dkg", timestamp: new Date(renewed).toISOString() }),
      );
    lock(clock.time - 2_000);
    const waiting = Promise.withResolvers<number>();
    const options = { keyPath, command: "dkg", onLost: unexpected, signal, onWait: waiting.resolve };
    const locked = lockPrivateKey(clock, options);
    assert.equal(await waiting.promise, 3_001);
    clock.time += 3_001;
    if (alive) lock(clock.time - 500);
    clock.due.shift()?.();
    if (alive) await assert.rejects(locked, { code: "storage/locked" });
    else (await locked)();
  }
});

test("who waits for another's lock and is told to stop does not wait on, and takes nothing", async () => {
  const clock = new ManualClock();
  const keyPath = join(folder(), "charon-enr-private-key");
  const held = JSON.stringify({ command: "run", timestamp: new Date(clock.time).toISOString() });
  writeFileSync(`${keyPath}.lock`, held);
  const stop = new AbortController();
  const onWait = (): void => void setImmediate(() => stop.abort(new Error("asked to stop")));
  await assert.rejects(
    lockPrivateKey(clock, { keyPath, command: "dkg", onLost: unexpected, onWait, signal: stop.signal }),
    /asked to stop/,
  );
  assert.deepEqual([readFileSync(`${keyPath}.lock`, "utf8"), clock.due.length], [held, 0]);
});

test("a lock from the future, left when the clock was set back, is taken over unless somebody renews it", async () => {
  for (const alive of [false, true]) {
    const clock = new ManualClock();
    const keyPath = join(folder(), "charon-enr-private-key");
    const lock = (renewed: number): void =>
      writeFileSync(
        `${keyPath}.lock`,
        JSON.stringify({ command: "run", timestamp: new Date(renewed).toISOString() }),
      );
    const day = 24 * 3_600 * 1_000;
    lock(clock.time + day);
    const waiting = Promise.withResolvers<number>();
    const options = { keyPath, command: "run", onLost: unexpected, signal, onWait: waiting.resolve };
    const locked = lockPrivateKey(clock, options);
    assert.equal(await waiting.promise, 5_001);
    clock.time += 5_001;
    if (alive) lock(clock.time + day);
    clock.due.shift()?.();
    if (alive) await assert.rejects(locked, { code: "storage/locked" });
    else (await locked)();
  }
});

test("a key that worked for another cluster waits two epochs", async () => {
  const clock = new ManualClock();
  const keyPath = join(folder(), "key");
  // As Charon writes it: nanoseconds and an offset.
  const timestamp = "2026-01-01T02:00:00.123456789+02:00";
  writeFileSync(
    `${keyPath}.lock`,
    JSON.stringify({ command: "charon run", timestamp, cluster_lock_hash: "0xbb" }),
  );
  const options = { keyPath, command: "run", lockHash: "0xaa", onLost: unexpected, signal };
  clock.time += 767_000;
  await assert.rejects(
    lockPrivateKey(clock, options),
    (error: { facts?: { waitSeconds?: number } }) => error.facts?.waitSeconds === 2,
  );
  (await lockPrivateKey(clock, { ...options, lockHash: "0xbb" }))();
});

test("a lock that cannot be read is not ignored", async () => {
  for (const content of ["", "null", "[]", "{}", '{"timestamp":"yesterday"}']) {
    const keyPath = join(folder(), "key");
    writeFileSync(`${keyPath}.lock`, content);
    const options = { keyPath, command: "run", onLost: unexpected, signal };
    const quick: Clock = {
      now: () => 0,
      at: (_, run) => {
        setImmediate(run);
        return () => {};
      },
    };
    await assert.rejects(lockPrivateKey(quick, options), { code: "storage/corrupt" }, content);
  }
});

test("a lock that another program is writing just now is read when it is written", async () => {
  const clock = new ManualClock();
  const keyPath = join(folder(), "key");
  writeFileSync(`${keyPath}.lock`, "");
  const onSet = Promise.withResolvers<void>();
  const watched: Clock = {
    now: () => clock.now(),
    at: (due, run) => {
      onSet.resolve();
      return clock.at(due, run);
    },
  };
  const options = { keyPath, command: "run", onLost: unexpected, signal };
  const locked = lockPrivateKey(watched, options);
  await onSet.promise;
  const timestamp = new Date(clock.time - 100).toISOString();
  writeFileSync(`${keyPath}.lock`, JSON.stringify({ command: "charon run", timestamp }));
  clock.due.shift()?.();
  await assert.rejects(locked, { code: "storage/locked" });
});

test("a file that cannot be written is told of with what to do about it", async () => {
  const path = join(folder(), "out.json");
  writeFileSync(path, "another's");
  await assert.rejects(writeFileAtomic(path, "ours"), { hint: /Move away what is there/ });
  await assert.rejects(writeFileAtomic(join(path, "x", "out.json"), "ours"), { code: "storage/unavailable" });
  await assert.rejects(writeFileAtomic(join(folder(), "none", "out.json"), "ours"), {
    hint: /Make the folder first/,
  });
  assert.equal(readFileSync(path, "utf8"), "another's");
});
