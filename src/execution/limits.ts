/** What we wait and read for an execution node. */
export interface ExecutionLimits {
  readonly callTimeoutMs: number;
  /** A node that is just being started is asked again for so long, as Charon does. */
  readonly patienceMs: number;
  readonly retryMs: number;
  /** An answer has 32 bytes in hexadecimal, or an error with what a contract says. */
  readonly answerBytesMax: number;
}

export const EXECUTION_LIMITS: ExecutionLimits = {
  callTimeoutMs: 5_000,
  patienceMs: 10_000,
  retryMs: 500,
  answerBytesMax: 64 * 1024,
};

/** What a node says in an error is cut to this length. */
export const REASON_LENGTH_MAX = 200;
