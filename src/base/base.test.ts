import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  AssertionFailed,
  DvError,
  each,
  explain,
  fromHex,
  HexError,
  isOpenToOthers,
  assert as must,
  seededRandom,
  systemAdvice,
  toHex,
} from "./index.ts";

test("hexadecimal text comes back as the same bytes, prefix and case aside", () => {
  assert.deepEqual(fromHex("0xDEADbeef"), Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
  assert.deepEqual(fromHex("deadbeef", 4), Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
  assert.equal(toHex(Uint8Array.of(0, 255)), "0x00ff");
});

test("text that is no hexadecimal, or of another length, is refused with what was wanted", () => {
  for (const text of ["0xabc", "zz", "0x0g", "0x 1"]) assert.throws(() => fromHex(text), HexError);
  assert.throws(
    () => fromHex("0xaabb", 3),
    (error: HexError) => error.facts["wantedBytes"] === 3 && error.facts["foundBytes"] === 2,
  );
});

test("a broken promise of our own code is an AssertionFailed", () => {
  assert.throws(() => must(false, "one is two"), AssertionFailed);
});

test("an error explains itself with its causes, outermost first", () => {
  const inner = new Error("disk full");
  const outer = new DvError("storage/unavailable", "record vote", { cause: inner });
  assert.equal(explain(outer), "record vote: disk full");
  assert.equal(explain("plain text"), "plain text");
  const refused = new DvError("beacon/refused", "publish block", { facts: { reason: "slot is over" } });
  assert.equal(explain(refused), "publish block (slot is over)");
});

test("what the system says is explained in words, without its codes", () => {
  const said = {
    "ENOENT: no such file or directory, open '/a/b'": "no such file or directory: /a/b",
    "EEXIST: file already exists, mkdir 'f'": "file already exists: f",
    "EACCES: permission denied, rename '/a' -> '/b'": "permission denied: /b",
    "ENOSPC: no space left on device, write": "no space left on device",
    "connect ECONNREFUSED 127.0.0.1:5052": "nothing listens at 127.0.0.1:5052",
    "connection error 10.0.0.7:3610: connect ECONNREFUSED 10.0.0.7:3610": "nothing listens at 10.0.0.7:3610",
    "failed to connect via relay with status NO_RESERVATION": "it is not at the relay",
    "getaddrinfo ENOTFOUND relay.example": "nobody knows the name relay.example",
    "listen EADDRINUSE: address already in use 127.0.0.1:22": "address already in use 127.0.0.1:22",
    "record vote": "record vote",
  };
  for (const [message, words] of Object.entries(said)) assert.equal(explain(new Error(message)), words);
  const refused = new Error("connect ECONNREFUSED ::1:1");
  assert.equal(
    explain(new TypeError("fetch failed", { cause: new AggregateError([refused]) })),
    "nothing listens at ::1:1",
  );
  assert.equal(explain(new TypeError("fetch failed")), "fetch failed");
});

test("a failure of the system has advice, and no other has", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  assert.match(systemAdvice(full) ?? "", /free some space/);
  assert.equal(systemAdvice(new DvError("storage/unavailable", "record vote")), undefined);
});

test("a cause that points back at itself does not loop", () => {
  const error = new Error("round");
  error.cause = error;
  assert.ok(explain(error).length < 200);
});

test("the same seed gives the same numbers, and a fork does not disturb its parent", () => {
  const a = seededRandom(7);
  const b = seededRandom(7);
  b.fork("other").next();
  assert.deepEqual(
    Array.from({ length: 5 }, () => a.next()),
    Array.from({ length: 5 }, () => b.next()),
  );
  assert.notEqual(seededRandom(7).fork("x").next(), seededRandom(7).fork("y").next());
});

test("items are worked on a few at a time; when one fails, those under way end first and no other begins", async () => {
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  let isOver = false;
  const all = each(ends, 2, async ({ promise }, i) => {
    begun.push(i);
    await promise;
  }).finally(() => {
    isOver = true;
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, [0, 1]);
  ends[0]?.resolve();
  await turn();
  assert.deepEqual(begun, [0, 1, 2]);
  ends[1]?.reject(new Error("the second failed"));
  await turn();
  assert.equal(isOver, false, "the third is under way");
  ends[2]?.resolve();
  await assert.rejects(all, /the second failed/);
  assert.deepEqual(begun, [0, 1, 2]);
});

test("a file is open to others when anybody but its owner may do anything with it", () => {
  const folder = mkdtempSync(join(tmpdir(), "trireme-base-"));
  try {
    const path = join(folder, "key");
    writeFileSync(path, "");
    const isOpen = (mode: number): boolean => {
      chmodSync(path, mode);
      return isOpenToOthers(path);
    };
    assert.deepEqual([0o600, 0o400, 0o640, 0o604, 0o620].map(isOpen), [false, false, true, true, true]);
    assert.equal(isOpenToOthers(join(folder, "none")), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
