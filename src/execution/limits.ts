/** What we wait and read for an execution node. */
export const EXECUTION_LIMITS = {
  callTimeoutMs: 5_000,
  /** A node that is just being started is asked again for so long, as Charon does. */
  patienceMs: 10_000,
  retryMs: 500,
  /** An answer has 32 bytes in hexadecimal, or an error with what a contract says. */
  answerBytesMax: 64 * 1024,
};
export type ExecutionLimits = Readonly<typeof EXECUTION_LIMITS>;

/** What a node says in an error is cut to this length. */
export const REASON_LENGTH_MAX = 200;
