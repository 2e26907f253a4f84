/** Why a node is not ready, in Charon's words where Charon knows the reason, with the value of its gauge. */
export const NOT_READY_CODES = {
  starting: 0,
  "beacon node down": 2,
  "beacon node not synced": 3,
  "quorum peers not connected": 4,
  "vc not connected": 5,
  "beacon node has zero peers": 7,
  "beacon node far behind": 8,
  // Ours.
  "slashing memory unavailable": 20,
  "key shares missing": 21,
  stopping: 22,
  "watching for a double": 23,
  "slashing memory doubted": 24,
} as const;

/** "2 beacon node down, …", for the metric's help. */
export function reasonsWithCodes(): string {
  return Object.entries(NOT_READY_CODES)
    .map(([reason, code]) => `${code} ${reason}`)
    .join(", ");
}

export type NotReady = keyof typeof NOT_READY_CODES;

/** The value of `app_monitoring_readyz`: 1 when ready, otherwise the code of the first reason. */
export function readinessCode(reasons: readonly NotReady[]): number {
  const first = reasons[0];
  return first === undefined ? 1 : NOT_READY_CODES[first];
}
