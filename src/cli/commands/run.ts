import { runNode } from "../../node/index.ts";
import { readRunConfig } from "../run-config.ts";
import type { CommandInput } from "./index.ts";

/** Runs the node until SIGTERM or SIGINT. */
export async function run({ chosen }: CommandInput): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("asked to stop"));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  await runNode(readRunConfig(chosen), stopping.signal);
}
