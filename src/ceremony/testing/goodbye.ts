import { MsgSync } from "../wire.ts";

/** Whether a piece of a sync channel is a goodbye, and not an answer or another message. */
export function isGoodbye(bytes: Uint8Array): boolean {
  try {
    return MsgSync.decode(bytes.subarray(8)).shutdown;
  } catch {
    return false;
  }
}

/** The step that a piece of a sync channel tells; 0 for an answer, and for what is no message. */
export function stepTold(bytes: Uint8Array): number {
  try {
    return MsgSync.decode(bytes.subarray(8)).step;
  } catch {
    return 0;
  }
}
