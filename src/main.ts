#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=1 --optimize-for-size
import { main } from "./cli/index.ts";

/** Everything is closed in order by then; what still keeps the process alive is a timer nobody waits for. */
const LINGER_MS = 1_000;

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  environment: process.env,
});
setTimeout(() => process.exit(), LINGER_MS).unref();
