import { runNode } from "../../node/index.ts";
import { readRunConfig } from "../run-config.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Runs the node until it is asked to stop. */
export async function run({ chosen }: CommandInput): Promise<void> {
  const config = readRunConfig(chosen);
  const { signal, release } = stopSignals();
  try {
    await runNode(config, signal);
  } finally {
    release();
  }
}
