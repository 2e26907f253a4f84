import { existsSync } from "node:fs";
import { chmod, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { each, makeFolder, syncPath, writeSynced } from "../base/index.ts";
import { depositFileName, type Lock, sealKey, writeDepositFile, writeLock } from "../cluster/index.ts";
import type { SecretKey } from "../crypto/index.ts";
import { CeremonyError } from "./errors.ts";

const KEYS_NAME = "validator_keys";
const LOCK_NAME = "cluster-lock.json";
/** What a ceremony writes; none of it may be there before. */
const isOutput = (name: string): boolean =>
  name === KEYS_NAME || name === LOCK_NAME || name.startsWith("deposit-data");

/** Of a validator: a keystore and its password, of which each takes a block, and its part of lock, deposit data and journal. */
const BYTES_PER_VALIDATOR = 16 * 1024;
const BYTES_AT_LEAST = 32 * 1024 * 1024;

/** Keystores at work at once: all processors, and of the thread pool one stays free for the journal. */
const sealsAtOnce = Math.max(3, availableParallelism());
/** Files on their way to the disk at once: it takes many in little more time than one. */
const WRITES_AT_ONCE = 32;

/** What a ceremony leaves behind. */
export interface CeremonyResult {
  readonly lock: Lock;
  /** Of the keystores of this operator's shares, in the lock's order. */
  readonly passwords: readonly string[];
  readonly networkName: string;
}

/**
 * The node's folder, laid out as Charon's, and beside it a place where results are stored until every operator has its own.
 * Only then are they moved to where a node looks for them; a ceremony that fails takes them away again.
 */
export class OutputFolder {
  readonly #home: string;
  readonly #draft: string;
  readonly #draftKeys: string;

  /** @param own - Our own folder below the node's. */
  constructor(home: string, own: string) {
    this.#home = home;
    this.#draft = join(own, "ceremony-draft");
    this.#draftKeys = join(this.#draft, KEYS_NAME);
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
      makeFolder(this.#draft, 0o700);
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
    const wanted = BYTES_AT_LEAST + validators * BYTES_PER_VALIDATOR;
    if (bavail * bsize < wanted)
      throw refused(
        "find space for the results",
        { folder: home, freeBytes: bavail * bsize, wanted },
        "Free some disk space.",
      );
  }

  /**
   * Encrypts the shares and puts the keystores beside their place, on the disk for good; their passwords stay in memory, so
   * that nothing on the disk can be used before `store`. Anything of an earlier try is replaced.
   *
   * @param options.signal - Ends it; when the promise has settled, nothing is written any more.
   * @returns The passwords.
   */
  async seal(
    shares: readonly SecretKey[],
    { onEach, signal }: { readonly onEach: () => void; readonly signal: AbortSignal },
  ): Promise<readonly string[]> {
    await this.discard();
    makeFolder(this.#draftKeys, 0o700);
    const passwords: string[] = [];
    await each(shares, sealsAtOnce, async (share, i) => {
      signal.throwIfAborted();
      const { keystore, password } = await sealKey(share, false);
      await writeSynced(join(this.#draftKeys, `keystore-${i}.json`), keystore, 0o444);
      passwords[i] = password;
      onEach();
    });
    return passwords;
  }

  /** Stores everything else beside its place, on the disk for good. */
  async store({ lock, passwords, networkName }: CeremonyResult): Promise<void> {
    const amounts = [
      ...new Set(lock.validators.flatMap(({ deposits }) => deposits.map(({ amount }) => amount))),
    ];
    const files = [
      ...passwords.map((password, i) => ({
        name: `${KEYS_NAME}/keystore-${i}.txt`,
        text: password,
        mode: 0o400,
      })),
      { name: LOCK_NAME, text: writeLock(lock), mode: 0o444 },
      ...amounts.map((amount) => {
        const deposits = lock.validators.flatMap((validator) =>
          validator.deposits.filter((deposit) => deposit.amount === amount),
        );
        const text = writeDepositFile(deposits, lock.definition.forkVersion, networkName);
        return { name: depositFileName(Number(amount)), text, mode: 0o444 };
      }),
    ];
    await each(files, WRITES_AT_ONCE, ({ name, text, mode }) =>
      writeSynced(join(this.#draft, name), text, mode),
    );
    await chmod(this.#draftKeys, 0o755);
    for (const folder of [this.#draftKeys, this.#draft, dirname(this.#draft)]) await syncPath(folder);
  }

  /**
   * Moves what is stored to its place: key shares and lock, and deposit data last. Goes on where a kill interrupted it.
   *
   * @throws CeremonyError `ceremony/interrupted` - somebody has put other files there meanwhile; both stay where they are.
   */
  async publish(): Promise<void> {
    if (!existsSync(this.#draft)) return; // All was moved before a kill.
    const stored = await readdir(this.#draft);
    // What a kill left moved is not in the draft any more, so none of these names is ours.
    const there = (await readdir(this.#home)).filter((name) => stored.includes(name));
    if (there.length > 0)
      throw new CeremonyError(
        "ceremony/interrupted",
        "put the results of the ceremony into the data folder without overwriting",
        {
          facts: { folder: this.#home, found: there, results: this.#draft },
          hint: "Move these files away, then run the same command again; the results wait for that.",
        },
      );
    const depositsLast = stored.toSorted(
      (a, b) => Number(a.startsWith("deposit")) - Number(b.startsWith("deposit")),
    );
    for (const name of depositsLast) await rename(join(this.#draft, name), join(this.#home, name));
    await syncPath(this.#home);
    await rm(this.#draft, { recursive: true, force: true });
  }

  /** Takes away what was stored and not published. */
  async discard(): Promise<void> {
    await rm(this.#draft, { recursive: true, force: true });
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
