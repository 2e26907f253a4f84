import { chmodSync, existsSync } from "node:fs";
import { access, mkdir, open, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { depositFileName, type Lock, writeDepositFile, writeKeystores, writeLock } from "../cluster/index.ts";
import type { SecretKey } from "../crypto/index.ts";
import { CeremonyError } from "./errors.ts";

const keysName = "validator_keys";
const lockName = "cluster-lock.json";
/** What a ceremony writes; none of it may be there before. */
const isOutput = (name: string): boolean =>
  name === keysName || name === lockName || name.startsWith("deposit-data");

/** Of a validator: a keystore and its password, of which each takes a block, and its part of lock, deposit data and journal. */
const bytesPerValidator = 16 * 1024;
const bytesAtLeast = 32 * 1024 * 1024;

/** What a ceremony leaves behind. */
export interface CeremonyResult {
  readonly lock: Lock;
  /** This operator's share of each validator, in the lock's order. */
  readonly shares: readonly SecretKey[];
  readonly networkName: string;
}

/**
 * The node's folder, laid out as Charon's, and beside it a place where results are stored until every operator has its own.
 * Only then are they moved to where a node looks for them; a ceremony that fails takes them away again.
 */
export class OutputFolder {
  readonly #home: string;
  readonly #draft: string;

  /** @param own - Our own folder below the node's. */
  constructor(home: string, own: string) {
    this.#home = home;
    this.#draft = join(own, "ceremony-draft");
  }

  /**
   * Whether a ceremony can leave its results here: the folder is there, has none yet, can be written, and has space.
   *
   * @throws CeremonyError `ceremony/refused`
   */
  async check(validators: number): Promise<void> {
    const home = this.#home;
    const names = await readdir(home).catch((cause: unknown) => {
      throw refused(
        "open the data folder",
        { folder: home },
        "Make the node key there first: trireme create enr.",
        cause,
      );
    });
    const there = names.filter(isOutput);
    if (there.length > 0)
      throw refused(
        "begin a ceremony in a folder that has key shares, a lock or deposit data",
        { folder: home, found: there },
        "Move them away, if they are of another cluster, or choose another --data-dir; nothing was changed.",
      );
    try {
      await mkdir(this.#draft, { recursive: true, mode: 0o700 });
      await writeFile(join(this.#draft, "probe"), "can this folder be written?");
      await rm(this.#draft, { recursive: true });
    } catch (cause) {
      throw refused(
        "write into the data folder",
        { folder: home },
        "Correct its owner and permissions.",
        cause,
      );
    }
    const { bavail, bsize } = await statfs(home);
    const wanted = bytesAtLeast + validators * bytesPerValidator;
    if (bavail * bsize < wanted)
      throw refused(
        "find space for the results",
        { folder: home, freeBytes: bavail * bsize, wanted },
        "Free some disk space.",
      );
  }

  /** Stores everything beside its place, on the disk for good. Anything of an earlier try is replaced. */
  async store({ lock, shares, networkName }: CeremonyResult, onEach: () => void): Promise<void> {
    await rm(this.#draft, { recursive: true, force: true });
    const keys = join(this.#draft, keysName);
    await mkdir(keys, { recursive: true, mode: 0o700 });
    await writeKeystores(keys, shares, false, onEach);
    chmodSync(keys, 0o755);
    await writeFile(join(this.#draft, lockName), writeLock(lock), { mode: 0o444 });
    const amounts = new Set(lock.validators.flatMap(({ deposits }) => deposits.map(({ amount }) => amount)));
    for (const amount of amounts) {
      const deposits = lock.validators.flatMap((validator) =>
        validator.deposits.filter((deposit) => deposit.amount === amount),
      );
      const text = writeDepositFile(deposits, lock.definition.forkVersion, networkName);
      await writeFile(join(this.#draft, depositFileName(Number(amount))), text, { mode: 0o444 });
    }
    await syncTree(this.#draft);
  }

  /** Moves what is stored to its place: key shares and lock, and deposit data last. Goes on where a kill interrupted it. */
  async publish(): Promise<void> {
    if (!existsSync(this.#draft)) return; // All was moved before a kill.
    const stored = await readdir(this.#draft);
    const depositsLast = stored.toSorted(
      (a, b) => Number(a.startsWith("deposit")) - Number(b.startsWith("deposit")),
    );
    for (const name of depositsLast) await rename(join(this.#draft, name), join(this.#home, name));
    await syncOne(this.#home);
    await rm(this.#draft, { recursive: true, force: true });
  }

  /** Takes away what was stored and not published. */
  async discard(): Promise<void> {
    await rm(this.#draft, { recursive: true, force: true });
  }

  /** Whether all results are in their place. */
  async isPublished(): Promise<boolean> {
    const has = (name: string): Promise<boolean> =>
      access(join(this.#home, name)).then(
        () => true,
        () => false,
      );
    return (await has(lockName)) && (await has(keysName));
  }
}

function refused(
  what: string,
  facts: Record<string, string | number | readonly string[]>,
  hint: string,
  cause?: unknown,
): CeremonyError {
  return new CeremonyError("ceremony/refused", what, {
    facts,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Everything below a folder, and the folder, on the disk for good. */
async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const atOnce = 16;
  for (let i = 0; i < entries.length; i += atOnce)
    await Promise.all(
      entries.slice(i, i + atOnce).map(async (entry) => {
        const path = join(folder, entry.name);
        await (entry.isDirectory() ? syncTree(path) : syncOne(path));
      }),
    );
  await syncOne(folder);
}

async function syncOne(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
