import { counted, DvError, printable } from "../../base/index.ts";
import { preflight, type Verdict } from "../../node/index.ts";
import { readRunConfig } from "../run-config.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Something that `run` needs is not as it must be. */
class TestError extends DvError<"cli/test-failed"> {}

const marks: Readonly<Record<Verdict["state"], string>> = { good: "✔", odd: "!", bad: "✘" };
const NAME_WIDTH = 12;

/** Says of each thing that `run` leans on whether it is well, as soon as that is known. */
export async function testCommand({ chosen, io }: CommandInput): Promise<void> {
  const config = readRunConfig(chosen);
  const { signal, release } = stopSignals();
  const peersMs = chosen.flag("skip-peers") ? 0 : chosen.number("peers-patience");
  const verdicts: Verdict[] = [];
  const tell = (verdict: Verdict): void => {
    verdicts.push(verdict);
    if (!chosen.flag("json")) io.out(lineOf(verdict));
  };
  const onWait = (missing: readonly number[]): void => {
    const who = `operator${missing.length === 1 ? "" : "s"} ${missing.join(", ")}`;
    io.err(`Waiting for ${who}, up to ${peersMs / 1_000} s …\n`);
  };
  let isRunning = false;
  try {
    ({ isRunning } = await preflight(config, tell, { peersMs, onWait }, signal));
  } finally {
    release();
  }
  const failed = verdicts.filter(({ state }) => state === "bad").length;
  if (chosen.flag("json")) io.out(`${JSON.stringify({ passed: failed === 0, verdicts }, null, 1)}\n`);
  if (failed > 0)
    throw new TestError("cli/test-failed", `${failed} of ${counted(verdicts.length, "check")} failed`, {
      hint: isRunning
        ? "Each says above what to do. The node that runs here meets the same."
        : "Each says above what to do. `trireme run` with the same flags would meet the same.",
    });
  io.err(
    isRunning
      ? "A node runs here already; its ports and the other operators were left to it.\n"
      : "Nothing stands in the way of `trireme run` with these flags.\n",
  );
}

function lineOf({ name, state, says, advice = "" }: Verdict): string {
  const margin = " ".repeat(NAME_WIDTH + 6);
  return `  ${marks[state]} ${name.padEnd(NAME_WIDTH)}  ${printable(says)}\n${advice === "" ? "" : `${margin}${printable(advice)}\n`}`;
}
