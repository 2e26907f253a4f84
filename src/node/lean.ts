/**
 * How a node's process is started. A node makes little garbage, and memory is what operators pay for: a small young
 * generation, code kept small, and one heap for all threads of the C library. Together they take a sixth off what is
 * resident (bench/cluster.ts). bin/trireme says the same.
 */
export const LEAN_FLAGS: readonly string[] = ["--max-semi-space-size=1", "--optimize-for-size"];
export const LEAN_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "1" };
