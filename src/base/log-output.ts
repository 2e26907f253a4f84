/** What the reader of a log may leave unread, some five thousand lines; what comes then is dropped. */
export const LOG_BACKLOG_BYTES_MAX: number = 1024 * 1024;

/** The parts of a standard stream that count here. */
type Output = Pick<NodeJS.WriteStream, "write" | "writableLength" | "destroyed"> & {
  /** Node's own handle, which has no public name. */
  readonly _handle?: { setBlocking?(yes: boolean): void };
};

/**
 * Where log lines go: the program never waits for whoever reads them. A stalled reader (a terminal that is held, a log
 * collector that hangs) gets up to `LOG_BACKLOG_BYTES_MAX` later.
 *
 * @returns A function that takes a text, or says with false that it does not: too much is unread, or nobody reads any more.
 */
export function logOutput(to: NodeJS.WriteStream): (text: string) => boolean {
  const output: Output = to;
  // Pipes and sockets never block here; Node makes terminals block, and a held one would stop a node that signs.
  output._handle?.setBlocking?.(false);
  return (text) => {
    if (output.destroyed || output.writableLength > LOG_BACKLOG_BYTES_MAX) return false;
    output.write(text);
    return true;
  };
}
