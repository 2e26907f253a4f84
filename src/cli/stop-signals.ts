const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * When the program is asked to stop: by SIGTERM or SIGINT, or by SIGHUP when its log is in the terminal that closes. A log that
 * goes elsewhere outlives the terminal, and so does who writes it: Node undoes what nohup does, and tools that rotate logs send
 * SIGHUP too. After the first of these signals a second one ends the process at once, as is usual.
 *
 * @param hasTerminal - Whether the program is to end with its terminal.
 */
export function stopSignals(hasTerminal: boolean = process.stderr.isTTY === true): {
  readonly signal: AbortSignal;
  /** Signals end the process again, as if nothing had been asked of it. */
  readonly release: () => void;
} {
  const stopping = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === "SIGHUP" && !hasTerminal) return;
    release();
    stopping.abort(new Error(`asked to stop (${name})`));
  };
  const release = (): void => {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return { signal: stopping.signal, release };
}
