import { MsgSync } from "../wire.ts";

/** Whether a piece of a sync channel is a goodbye, and not an answer or another message. */
export function isGoodbye(bytes: Uint8Array): boolean {
  try {
    return MsgSync.decode(bytes.subarray(8)).shutdown;
  } catch {
    return false;
  }
}
