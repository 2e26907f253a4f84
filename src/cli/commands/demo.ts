import { runDemo } from "../../demo/index.ts";
import { UsageError } from "../settings.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** A whole cluster to look at. Fails when a duty was missed or anything is slashable. */
export async function demo({ chosen, io }: CommandInput): Promise<void> {
  const slotMs = chosen.number("slot-ms");
  const nodes = chosen.number("nodes");
  const validators = chosen.number("validators");
  if (slotMs < 1000 || slotMs % 1000 !== 0)
    throw new UsageError("cli/usage", `--slot-ms is ${slotMs}`, {
      hint: "Slots last whole seconds, from 1000.",
    });
  if (nodes < 3 || nodes > 10)
    throw new UsageError("cli/usage", `--nodes is ${nodes}`, {
      hint: "Between 3 and 10; 4 tolerate one faulty.",
    });
  if (validators < 1 || validators > 512)
    throw new UsageError("cli/usage", `--validators is ${validators}`, { hint: "Between 1 and 512." });
  const { signal } = stopSignals({ hasTerminal: true }); // The nodes do not end with the terminal by themselves: their logs are files.
  await runDemo(
    {
      nodes,
      validators,
      slotMs,
      epochs: chosen.number("epochs") === 0 ? undefined : chosen.number("epochs"),
      plain: chosen.flag("plain") || !process.stdout.isTTY,
      keep: chosen.flag("keep"),
      out: io.out,
    },
    signal,
  );
}
