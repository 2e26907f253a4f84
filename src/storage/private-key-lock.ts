import { readFile } from "node:fs/promises";
import { explain } from "../base/index.ts";
import { type Clock, sleepUntil } from "../ports/index.ts";
import { StorageError } from "./errors.ts";
import { writeFileAtomic } from "./write-file.ts";

const REFRESH_MS = 1_000;
const STALE_MS = 5_000;
/** Charon empties the file before it writes into it; who reads it just then looks again. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 100;
/** Two epochs of mainnet: what the previous cluster of this key still had under way has then ended. */
const OTHER_CLUSTER_GRACE_MS = 2 * 32 * 12 * 1_000;

export interface PrivateKeyUse {
  /** The node key's file; the lock is beside it as `<keyPath>.lock`. */
  readonly keyPath: string;
  /** As in cluster-lock.json, "0x…"; undefined while there is no cluster lock. */
  readonly lockHash?: string;
  /** Told before we wait, for five seconds at most, to see whether a lock that was just renewed is renewed again. */
  readonly onWait?: (ms: number) => void;
  /** Ends that wait. */
  readonly signal: AbortSignal;
}

export interface PrivateKeyLockOptions extends PrivateKeyUse {
  readonly command: string;
  /** Told when the lock cannot be renewed; another process could then take the key. */
  readonly onLost: (error: unknown) => void;
}

/**
 * That no process works with the key, as far as they tell by its lock; see `lockPrivateKey`. Takes nothing.
 *
 * @throws what `lockPrivateKey` throws
 */
export async function requireFreePrivateKey(clock: Clock, use: PrivateKeyUse): Promise<void> {
  const path = `${use.keyPath}.lock`;
  const watched = await untilStale(clock, path, use);
  await refuseWhenHeld(clock, path, use, watched);
}

/**
 * Charon's lock of the private key: a file with the time of day in it, renewed every second, so that a Charon and a Trireme
 * on one folder, even on a shared disk, see each other. It stays after the end, as Charon's does.
 *
 * @returns A function that ends the renewal.
 * @throws StorageError `storage/locked` - renewed while we looked, or of another cluster less than 768 s ago;
 *   `storage/corrupt` - there is a lock that cannot be read; the signal's reason.
 */
export async function lockPrivateKey(clock: Clock, options: PrivateKeyLockOptions): Promise<() => void> {
  const path = `${options.keyPath}.lock`;
  await requireFreePrivateKey(clock, options);
  await write(clock, path, options);

  let cancel = (): void => {};
  let stopped = false;
  const renewLater = (): void => {
    cancel = clock.at(clock.now() + REFRESH_MS, () => {
      write(clock, path, options)
        .catch(options.onLost)
        .finally(() => {
          if (!stopped) renewLater();
        });
    });
  };
  renewLater();
  return () => {
    stopped = true;
    cancel();
  };
}

/**
 * A process that was killed leaves its lock fresh; whoever is alive renews it while we wait. A lock from the future was
 * written under a clock that has been set back since, so its age says nothing, and seeing whether it is renewed does.
 *
 * @returns The lock that we waited for.
 */
async function untilStale(
  clock: Clock,
  path: string,
  { onWait, signal }: PrivateKeyUse,
): Promise<Held | undefined> {
  const held = await readSettled(clock, path, signal);
  if (held === undefined || onWait === undefined) return undefined;
  const staleAt = Math.min(held.renewed, clock.now()) + STALE_MS + 1;
  const waitMs = staleAt - clock.now();
  if (waitMs <= 0) return undefined;
  onWait(waitMs);
  await sleepUntil(clock, staleAt, signal);
  return held;
}

async function refuseWhenHeld(
  clock: Clock,
  path: string,
  options: PrivateKeyUse,
  watched: Held | undefined,
): Promise<void> {
  const held = await readSettled(clock, path, options.signal);
  if (held === undefined) return;
  const dead = held.renewed === watched?.renewed;
  const ageMs = clock.now() - held.renewed;
  const facts = { path, command: held.command, clusterLockHash: held.lockHash, ageMs };
  if (!dead && ageMs <= STALE_MS) {
    throw new StorageError(
      "storage/locked",
      "lock the private key: another process renewed the lock just now",
      {
        facts,
        hint: "Stop the other Charon or Trireme that uses this key, then wait five seconds.",
      },
    );
  }
  if (held.lockHash !== "" && held.lockHash !== (options.lockHash ?? "") && ageMs < OTHER_CLUSTER_GRACE_MS) {
    throw new StorageError(
      "storage/locked",
      "lock the private key: it worked for another cluster until just now",
      {
        facts: { ...facts, waitSeconds: Math.ceil((OTHER_CLUSTER_GRACE_MS - ageMs) / 1_000) },
        hint: "Wait two epochs, so that nothing of the former cluster is still being signed.",
      },
    );
  }
}

interface Held {
  readonly command: string;
  readonly renewed: number;
  readonly lockHash: string;
}

async function readSettled(clock: Clock, path: string, signal: AbortSignal): Promise<Held | undefined> {
  for (let looks = 1; ; looks++) {
    try {
      return await read(path);
    } catch (error) {
      const isBeingWritten = error instanceof StorageError && error.code === "storage/corrupt";
      if (!isBeingWritten || looks === LOOKS) throw error;
      await sleepUntil(clock, clock.now() + LOOK_AGAIN_MS, signal);
    }
  }
}

async function read(path: string): Promise<Held | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new StorageError("storage/unavailable", "read the lock of the private key", {
      cause: error,
      facts: { path },
    });
  }
  const lock = parse(text, path);
  const field = (name: string): string => (typeof lock[name] === "string" ? lock[name].slice(0, 200) : "");
  const renewed = Date.parse(field("timestamp"));
  if (Number.isNaN(renewed)) throw unreadable(path, "it has no timestamp");
  return { command: field("command"), renewed, lockHash: field("cluster_lock_hash") };
}

function parse(text: string, path: string): Record<string, unknown> {
  try {
    const lock: unknown = JSON.parse(text);
    if (typeof lock === "object" && lock !== null) return lock as Record<string, unknown>;
  } catch (error) {
    throw unreadable(path, explain(error));
  }
  throw unreadable(path, "it is not an object");
}

function unreadable(path: string, found: string): StorageError {
  return new StorageError("storage/corrupt", "read the lock of the private key", {
    facts: { path, found },
    hint: "Make sure that no other process uses the key, then delete this lock file.",
  });
}

function write(clock: Clock, path: string, { command, lockHash }: PrivateKeyLockOptions): Promise<void> {
  const content = JSON.stringify({
    command,
    timestamp: new Date(clock.now()).toISOString(),
    ...(lockHash === undefined ? {} : { cluster_lock_hash: lockHash }),
  });
  return writeFileAtomic(path, content, { mode: 0o644, replace: true });
}
