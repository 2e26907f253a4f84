import { explain } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { lockPrivateKey, type PrivateKeyLockOptions } from "../storage/index.ts";
import { systemClock } from "./clock.ts";

/**
 * Keeps the node key for this process, as Charon does, and tells the operator of a wait and of a lock that slips away.
 *
 * @returns A function that lets go of it.
 * @throws StorageError `storage/locked`, `storage/corrupt`; the signal's reason.
 */
export async function holdNodeKey(
  what: Pick<PrivateKeyLockOptions, "keyPath" | "command" | "lockHash">,
  log: Logger,
  signal: AbortSignal,
): Promise<() => void> {
  return await lockPrivateKey(systemClock, {
    ...what,
    signal,
    onWait: (ms) =>
      log.info("The node key was in use a moment ago; waiting to see whether it still is", {
        seconds: Math.ceil(ms / 1_000),
      }),
    onLost: (error) =>
      log.error("The lock of the node key cannot be renewed; another program could take the key", {
        why: explain(error),
      }),
  });
}
