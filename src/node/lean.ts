import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";

/**
 * How a node's process is started. A node makes little garbage, and memory is what operators pay for: a small young
 * generation, an old one that grows by a fifth before it is collected, and one heap for all threads of the C library.
 * V8's own setting for small programs, `--optimize-for-size`, saves 10 MB more and takes a quarter more CPU
 * (docs/benchmarks.md). bin/trireme says the same.
 */
export const LEAN_FLAGS: readonly string[] = ["--max-semi-space-size=2", "--heap-growing-percent=20"];
export const LEAN_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "1" };

/**
 * From this many validators on, a node spends memory to save time. With 3,000 a frugal collector collected all the time: half of
 * the CPU that partial signatures cost, and the event loop stood still for it.
 */
const MANY_VALIDATORS = 64;

/** Fits the garbage collector to the size of the cluster; V8 reads this setting anew at every collection, and 0 is its own choice. */
export function fitCollector(validators: number, set: (flag: string) => void = setFlagsFromString): void {
  if (validators >= MANY_VALIDATORS) set("--heap-growing-percent=0");
}

/**
 * Node cuts small buffers out of blocks of 64 kB, and one of 32 bytes that is kept keeps its whole block: the signing roots of two
 * epochs held 25 MB that way. Small blocks waste little.
 */
const BUFFER_BLOCK_BYTES = 4_096;

/** Fits the blocks of which small buffers are cut to a program that keeps many of them. */
export function fitBuffers(): void {
  Buffer.poolSize = BUFFER_BLOCK_BYTES;
}

/** What the thread pool has when nobody says anything. */
const POOL_THREADS_MIN = 4;

/**
 * A thread of the pool for every processor, where keys are derived, and one for files. Does nothing once the pool was used,
 * or where the operator has chosen (UV_THREADPOOL_SIZE).
 */
export function fitThreadPool(
  processors: number = availableParallelism(),
  environment: NodeJS.ProcessEnv = process.env,
): void {
  environment["UV_THREADPOOL_SIZE"] ??= String(Math.max(POOL_THREADS_MIN, processors + 1));
}
