import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fitBuffers, fitCollector, fitThreadPool, LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";

test("the installed program starts as lean as the nodes of the demonstration", () => {
  const script = readFileSync(new URL("../../bin/trireme", import.meta.url), "utf8");
  assert.ok(script.includes(`exec "$node" ${LEAN_FLAGS.join(" ")} `));
  for (const [name, value] of Object.entries(LEAN_ENVIRONMENT))
    assert.ok(script.includes(`export ${name}="\${${name}:-${value}}"`));
});

test("the collector is frugal while validators are few, and quick where they are many", () => {
  const flags = (validators: number): readonly string[] => {
    const set: string[] = [];
    fitCollector(validators, (flag) => set.push(flag));
    return set;
  };
  assert.deepEqual([flags(1), flags(63)], [[], []]);
  // It takes back what the process was started with.
  assert.deepEqual(flags(64), ["--heap-growing-percent=0"]);
  assert.ok(LEAN_FLAGS.some((flag) => flag.startsWith("--heap-growing-percent=")));
});

test("a small buffer that is kept keeps no large block of memory with it", () => {
  const before = Buffer.poolSize;
  try {
    fitBuffers();
    const kept = Array.from({ length: 3_000 }, () => Buffer.allocUnsafe(32)); // More than what is left of the block in use.
    assert.ok((kept.at(-1)?.buffer.byteLength ?? 0) <= 4_096);
  } finally {
    Buffer.poolSize = before;
  }
});

test("the thread pool has a thread for every processor and one for files, unless the operator has chosen", () => {
  const sizeFor = (processors: number, environment: NodeJS.ProcessEnv = {}): string | undefined => {
    fitThreadPool(processors, environment);
    return environment["UV_THREADPOOL_SIZE"];
  };
  assert.deepEqual([sizeFor(2), sizeFor(16)], ["4", "17"]);
  assert.equal(sizeFor(16, { UV_THREADPOOL_SIZE: "2" }), "2");
});
