import assert from "node:assert/strict";
import { test } from "node:test";

/** By its address, since the compiler of the program does not read what the browser gets. */
const words = (await import(new URL("./page/words.js", import.meta.url).href)) as {
  readonly milliseconds: (ms: number) => string;
  readonly roundTrip: (ms: number) => string;
  readonly duration: (seconds: number) => string;
  readonly bytes: (value: number) => string;
  readonly counted: (count: number, one: string, many?: string) => string;
  readonly listed: (names: readonly string[]) => string;
};

test("short times are told in the unit that fits, and before the due time with a minus", () => {
  for (const [ms, text] of [
    [0, "0 ms"],
    [-0.2, "0 ms"],
    [97.6, "98 ms"],
    [-154, "−154 ms"],
    [1_870, "1.87 s"],
    [-2_620, "−2.62 s"],
  ] as const)
    assert.equal(words.milliseconds(ms), text);
  assert.equal(words.roundTrip(1.44), "1.4 ms");
  assert.equal(words.roundTrip(118.7), "119 ms");
});

test("long times are told in their two largest units", () => {
  for (const [seconds, text] of [
    [0.4, "0 s"],
    [35.9, "35 s"],
    [60, "1 min"],
    [226, "3 min 46 s"],
    [7_200, "2 h"],
    [273_600, "3 d 4 h"],
    [86_405, "1 d"],
  ] as const)
    assert.equal(words.duration(seconds), text);
});

test("sizes, counts and lists read as people say them", () => {
  assert.equal(words.bytes(219_574_272), "220 MB");
  assert.equal(words.bytes(1_260_000_000), "1.3 GB");
  assert.equal(words.counted(1, "duty", "duties"), "1 duty");
  assert.equal(words.counted(3_000, "validator"), "3,000 validators");
  assert.equal(words.listed([]), "");
  assert.equal(words.listed(["a"]), "a");
  assert.equal(words.listed(["a", "b", "c"]), "a, b and c");
});
