import { presetOf } from "../preset.ts";
import { readRunConfig } from "../run-config.ts";
import type { CommandInput } from "./index.ts";

/** Runs the node until SIGTERM or SIGINT. Its containers are those of the lock's network, unless the environment says which. */
export async function run({ chosen }: CommandInput): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("asked to stop"));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const config = readRunConfig(chosen);
  process.env["LODESTAR_PRESET"] ??= presetOf(config.lockFile);
  const { runNode } = await import("../../node/index.ts"); // Not before: it loads the containers.
  await runNode(config, stopping.signal);
}
