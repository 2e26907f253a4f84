import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folderOf, trireme } from "./testing/trireme.ts";

// Goal: no command hangs on a place that cannot be written, or overwrites or half writes anything there.
const OWNER = `0x${"11".repeat(20)}`;
const ADDRESSES = `--fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER}`;
const CLUSTER = `--network hoodi --nodes 3 --num-validators 1 --insecure-keys ${ADDRESSES}`;

/** Commands that write, with the place of their result left out. */
const writing = (enrs: readonly string[], cluster: string): readonly string[] => [
  "create enr --private-key-file",
  `create cluster ${CLUSTER} --cluster-dir`,
  `create dkg --network hoodi --operator-enrs ${enrs.join(",")} ${ADDRESSES} --output-dir`,
  `combine --cluster-dir ${cluster} --output-dir`,
];

test("a place below a file, below a link to nowhere, or where nobody may write is refused with the path and advice", async (t) => {
  const folder = folderOf(t);
  const cluster = join(folder, "cluster");
  const made = await trireme(`create cluster ${CLUSTER} --cluster-dir ${cluster}`);
  assert.equal(made.code, 0, made.err);
  const enrs = await Promise.all(
    [0, 1, 2].map(async (i) => (await trireme(`enr --data-dir ${cluster}/node${i}`)).out.trim()),
  );
  writeFileSync(join(folder, "file"), "mine");
  symlinkSync(join(folder, "nowhere"), join(folder, "link"));
  const before = readdirSync(folder);
  const places = ["file/below", "link/below"].map((name) => join(folder, name));
  if (existsSync("/proc/self")) places.push("/proc/nobody-makes-this/below");
  for (const command of writing(enrs, cluster))
    for (const place of places) {
      const { code, out, err } = await trireme(`${command} ${place}`);
      assert.equal(code, 1, `${command} ${place}`);
      assert.equal(out, "");
      assert.match(
        err,
        /\[(cluster\/not-written|storage\/unavailable)\]\n {2}path: .+\n {2}\S.+\.\n$/,
        command,
      );
    }
  assert.equal(readFileSync(join(folder, "file"), "utf8"), "mine");
  assert.deepEqual(readdirSync(folder), before);
});

test("a result never takes the place of a pipe, a device, a folder or a link, and nothing waits for them", async (t) => {
  const folder = folderOf(t);
  const cluster = join(folder, "cluster");
  await trireme(`create cluster ${CLUSTER} --cluster-dir ${cluster}`);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const link = join(folder, "link");
  symlinkSync(join(folder, "nowhere"), link);
  mkdirSync(join(folder, "folder"));
  for (const place of [pipe, link, join(folder, "folder"), "/dev/full"])
    for (const command of [
      "create enr --private-key-file",
      `combine --cluster-dir ${cluster} --output-dir`,
    ]) {
      const { code, err } = await trireme(`${command} ${place}`);
      assert.equal(code, 1);
      assert.match(err, /\[cluster\/exists\]/, `${command} ${place}`);
    }
  assert.ok(!existsSync(join(folder, "nowhere")));
});

test("keys that a killed attempt left behind are told of, and stay", async (t) => {
  const folder = folderOf(t);
  const draft = join(folder, `.unfinished-${folder.split("/").at(-1)}-123456`);
  mkdirSync(draft);
  const { code, err } = await trireme(`create cluster ${CLUSTER} --cluster-dir ${folder}`);
  assert.equal(code, 0, err);
  assert.ok(err.includes(`warning: ${draft} is of an attempt that was killed`), err);
  assert.ok(existsSync(draft));
});
