import { presetOf } from "../preset.ts";
import { readRunConfig } from "../run-config.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Runs the node until it is asked to stop. Its containers are those of the lock's network, unless the environment says which. */
export async function run({ chosen }: CommandInput): Promise<void> {
  const { signal } = stopSignals();
  const config = readRunConfig(chosen);
  process.env["LODESTAR_PRESET"] ??= presetOf(config.lockFile);
  const { runNode } = await import("../../node/index.ts"); // Not before: it loads the containers.
  await runNode(config, signal);
}
