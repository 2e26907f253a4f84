import { DvError } from "../base/index.ts";

/** A command was ended by a signal before it was done. */
export class StoppedError extends DvError<"cli/stopped"> {}

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * When the program is asked to stop: by SIGTERM or SIGINT, or by SIGHUP when its log is in the terminal that closes. A log that
 * goes elsewhere outlives the terminal, and so does who writes it: Node undoes what nohup does, and tools that rotate logs send
 * SIGHUP too. After the first of these signals a second one ends the process at once, as is usual.
 *
 * @param options.advice - What to know and to do for whoever stopped it, where that makes the command fail.
 * @param options.hasTerminal - Whether the program is to end with its terminal.
 */
export function stopSignals({
  advice = "The same command begins anew.",
  hasTerminal = process.stderr.isTTY === true,
}: {
  readonly advice?: string;
  readonly hasTerminal?: boolean;
} = {}): {
  readonly signal: AbortSignal;
  /** Signals end the process again, as if nothing had been asked of it. */
  readonly release: () => void;
} {
  const stopping = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === "SIGHUP" && !hasTerminal) return;
    release();
    stopping.abort(new StoppedError("cli/stopped", `asked to stop (${name})`, { hint: advice }));
  };
  const release = (): void => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: stopping.signal, release };
}
