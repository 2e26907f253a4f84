import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePorts } from "./demo/free-ports.ts";

// A relay stands for every program that runs on: it needs nobody else, and logs when it serves and when it stops.
const FULL_DISK = "/dev/full";

/** Runs a relay whose log goes to `stderr` until it serves, then asks it to stop; gives its exit code. */
async function exitCodeOfRelay(
  stderr: "pipe" | number,
  onServing: (child: ChildProcess) => void,
): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "trireme-output-"));
  const [port] = await freePorts(1);
  const args = ["relay", "--auto-p2pkey", "--data-dir", folder, "--p2p-tcp-address", "127.0.0.1:0"];
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "main.ts"), ...args, "--http-address", `127.0.0.1:${port}`],
    { stdio: ["ignore", "pipe", stderr, "ipc"] },
  );
  const ended = once(child, "exit");
  try {
    child.stdout?.destroy();
    child.stderr?.destroy();
    let serves = false;
    while (!serves && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      serves = (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined))?.ok === true;
    }
    onServing(child);
    if (child.connected) child.kill("SIGTERM");
    return (await ended)[0];
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

// The program is started twice only, since that costs a second of work each time; each life sees two misfortunes.
test("a program whose log has lost its reader outlives that, its terminal and a log rotation, and stops when it is asked to", async () => {
  assert.equal(await exitCodeOfRelay("pipe", (child) => child.kill("SIGHUP")), 0);
});

test("a program whose log finds the disk full runs on, and stops when the parent is gone to which it has a channel", {
  skip: !existsSync(FULL_DISK),
}, async () => {
  const full = openSync(FULL_DISK, "w");
  try {
    assert.equal(await exitCodeOfRelay(full, (child) => child.disconnect()), 0);
  } finally {
    closeSync(full);
  }
});

test("a command whose reader has gone ends as if it had read everything", async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "version"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.destroy();
  const said: Buffer[] = [];
  child.stderr.on("data", (bytes: Buffer) => said.push(bytes));
  const [code] = await once(child, "close");
  assert.deepEqual([code, Buffer.concat(said).toString()], [0, ""]);
});

test("keys that are being made leave nothing behind when the program is stopped half way", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-stopped-"));
  const owner = `0x${"11".repeat(20)}`;
  const line = `create cluster --cluster-dir ${join(folder, "cluster")} --network hoodi --nodes 4 --num-validators 100 --fee-recipient-addresses ${owner} --withdrawal-addresses ${owner}`;
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...line.split(" ")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const found = (): string[] =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".txt"));
  try {
    const said: Buffer[] = [];
    child.stderr.on("data", (bytes: Buffer) => said.push(bytes));
    while (found().length === 0 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    assert.deepEqual(await ended, [1, null], Buffer.concat(said).toString());
    assert.match(
      Buffer.concat(said).toString(),
      /^error: asked to stop \(SIGINT\) \[cli\/stopped\]\n {2}No key is left behind; the same command begins anew\.\n$/,
    );
    assert.deepEqual(readdirSync(join(folder, "cluster")), []);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a node that is started with a mistyped folder makes no such folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-mistyped-"));
  const args = [
    "run",
    "--data-dir",
    join(folder, "typo"),
    "--beacon-node-endpoints",
    "http://127.0.0.1:5052",
  ];
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    const said: Buffer[] = [];
    child.stderr.on("data", (bytes: Buffer) => said.push(bytes));
    assert.deepEqual(await once(child, "close"), [1, null]);
    assert.match(Buffer.concat(said).toString(), /read the cluster lock: .*typo\/cluster-lock\.json/);
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
