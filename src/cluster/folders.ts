import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { each, syncPath, toHex } from "../base/index.ts";
import {
  decryptKeystore,
  encryptKeystore,
  type KeyShare,
  PBKDF2_ROUNDS,
  parseKeystore,
  recoverSecret,
  type SecretKey,
} from "../crypto/index.ts";
import type { CreatedCluster } from "./create.ts";
import { depositFileName, writeDepositFile } from "./deposit.ts";
import { ClusterError } from "./errors.ts";
import { readLock, readText } from "./load.ts";
import type { Lock } from "./model.ts";
import { networkByForkVersion } from "./networks.ts";
import { syncTree } from "./on-disk.ts";
import { writeLock } from "./write.ts";

/** Keystores at work at once; key derivation runs on Node's thread pool, which has four threads. */
export const KEYSTORES_AT_ONCE = 4;

const entropy = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

function refuseExisting(path: string): void {
  if (existsSync(path))
    throw new ClusterError("cluster/exists", "write without overwriting", {
      facts: { path },
      hint: "Move it away first, or choose another folder; nothing was written.",
    });
}

/** Two attempts at once must not write into each other's draft. */
const draftName = (): string => Buffer.from(entropy(6)).toString("hex");

/** A file that only its owner may read, written as a new one. */
function writeNew(path: string, text: string, mode: number): void {
  writeFileSync(path, text, { mode, flag: "wx" });
  chmodSync(path, mode);
}

/**
 * Writes one folder per node under `folder`, laid out as Charon's. All of it is made beside its final place and moved there
 * at the end, so a stop half way leaves nothing that looks finished, and a second attempt is not in its way. What has its
 * final name is on the disk for good.
 *
 * @param onProgress - Told of each keystore; what it throws ends the work, and nothing stays.
 * @throws ClusterError `cluster/exists` - a node folder is there already; nothing was written.
 */
export async function writeClusterFolders(
  folder: string,
  created: CreatedCluster,
  options: { readonly insecureKeys: boolean; readonly networkName?: string },
  onProgress: (done: number, of: number) => void = () => {},
): Promise<void> {
  const names = created.nodeKeys.map((_, i) => `node${i}`);
  for (const name of names) refuseExisting(join(folder, name));
  mkdirSync(folder, { recursive: true });
  const draft = join(folder, `.unfinished-${basename(folder)}-${draftName()}`);
  rmSync(draft, { recursive: true, force: true });
  try {
    const total = created.nodeKeys.length * created.shares.length;
    let done = 0;
    for (const [i, key] of created.nodeKeys.entries()) {
      const home = join(draft, names[i] as string);
      mkdirSync(join(home, "validator_keys"), { recursive: true, mode: 0o700 });
      chmodSync(home, 0o755);
      writeNew(join(home, "charon-enr-private-key"), Buffer.from(key.revealBytes()).toString("hex"), 0o600);
      writeNew(join(home, "cluster-lock.json"), writeLock(created.lock), 0o400);
      writeDeposits(home, created.lock, options.networkName);
      const shares = created.shares.map((ofValidator) => (ofValidator[i] as KeyShare).secret);
      await writeKeystores(join(home, "validator_keys"), shares, options.insecureKeys, () =>
        onProgress(++done, total),
      );
    }
    await syncTree(draft);
    moveAll(names, draft, folder);
    for (const above of [folder, dirname(folder)]) await syncPath(above);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Moves all or none: what was moved before one fails goes back, so that no cluster looks finished that lacks a node. */
function moveAll(names: readonly string[], from: string, to: string): void {
  const moved: string[] = [];
  try {
    for (const name of names) {
      refuseExisting(join(to, name));
      renameSync(join(from, name), join(to, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) renameSync(join(to, name), join(from, name));
    throw error;
  }
}

function writeDeposits(home: string, lock: Lock, networkName: string | undefined): void {
  const name = networkName ?? networkByForkVersion(lock.definition.forkVersion)?.name ?? "unknown";
  const amounts = new Set(
    lock.validators.flatMap((validator) => validator.deposits.map((deposit) => deposit.amount)),
  );
  for (const amount of amounts) {
    const deposits = lock.validators.flatMap((validator) =>
      validator.deposits.filter((deposit) => deposit.amount === amount),
    );
    writeNew(
      join(home, depositFileName(Number(amount))),
      writeDepositFile(deposits, lock.definition.forkVersion, name),
      0o444,
    );
  }
}

/** Writes keystore-0.json and keystore-0.txt and so on; test keys say in their names that they are weakly encrypted. */
export async function writeKeystores(
  folder: string,
  secrets: readonly SecretKey[],
  insecure: boolean,
  onEach: () => void = () => {},
): Promise<void> {
  await each(secrets, KEYSTORES_AT_ONCE, async (secret, i) => {
    const stem = join(folder, insecure ? `keystore-insecure-${i}` : `keystore-${i}`);
    const { keystore, password } = await sealKey(secret, insecure);
    writeNew(`${stem}.json`, keystore, 0o444);
    writeNew(`${stem}.txt`, password, 0o400);
    onEach();
  });
}

/** A keystore as it is written, and a new password for it. */
export async function sealKey(
  secret: SecretKey,
  insecure: boolean,
): Promise<{ readonly keystore: string; readonly password: string }> {
  const password = Buffer.from(entropy(16)).toString("hex");
  const rounds = insecure ? PBKDF2_ROUNDS.insecure : PBKDF2_ROUNDS.secure;
  return { keystore: await encryptKeystore(secret, password, { rounds, entropy }), password };
}

/** A keystore of a folder, opened. */
export interface OpenedKeystore {
  readonly file: string;
  readonly index: number;
  readonly secret: SecretKey;
  /** Encrypted for tests only. */
  readonly isWeak: boolean;
}

export const KEYSTORE_NAME = /^keystore-(?:insecure-)?(\d+)\.json$/;

/**
 * Opens every keystore-N.json of a folder with the password in keystore-N.txt; in order of N.
 *
 * @throws ClusterError `cluster/missing` when there is none, or a password file is not there; KeystoreError with the file's name;
 *   the signal's reason, with one keystore a thread still to finish: thousands take minutes.
 */
export async function readKeystores(
  folder: string,
  signal?: AbortSignal,
): Promise<readonly OpenedKeystore[]> {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => KEYSTORE_NAME.test(name));
  } catch (cause) {
    throw new ClusterError("cluster/missing", "read the keystore folder", {
      cause,
      facts: { path: folder },
      hint: "Key shares are expected as keystore-0.json with keystore-0.txt, and so on.",
    });
  }
  if (names.length === 0)
    throw new ClusterError("cluster/missing", "read the keystore folder", {
      facts: { path: folder },
      hint: "Key shares are expected as keystore-0.json with keystore-0.txt, and so on.",
    });
  const opened: OpenedKeystore[] = [];
  await each(names, KEYSTORES_AT_ONCE, async (name) => {
    signal?.throwIfAborted();
    opened.push(await openKeystore(folder, name));
  });
  return opened.toSorted((a, b) => a.index - b.index);
}

/** Opens one. @throws ClusterError with its path, `cluster/missing` when its password is not there */
export async function openKeystore(folder: string, name: string): Promise<OpenedKeystore> {
  const file = join(folder, name);
  const passwordFile = file.replace(/\.json$/, ".txt");
  const password = readText(
    passwordFile,
    "the password of a keystore",
    `The password of ${name} belongs into ${basename(passwordFile)} beside it.`,
  );
  try {
    const keystore = parseKeystore(readFileSync(file, "utf8"));
    const secret = await decryptKeystore(keystore, password);
    const isWeak = keystore.kdf.function === "pbkdf2" && keystore.kdf.c < PBKDF2_ROUNDS.secure / 100;
    return { file, index: Number(KEYSTORE_NAME.exec(name)?.[1]), secret, isWeak };
  } catch (cause) {
    throw new ClusterError("cluster/malformed", `open ${file}`, {
      cause,
      facts: { path: file },
      hint: "Restore the keystore and its password file from a backup.",
    });
  }
}

/** What `combine` found in the folders of a cluster. */
export interface CombinedKeys {
  readonly lock: Lock;
  /** In lock order. */
  readonly secrets: readonly SecretKey[];
  readonly used: readonly string[];
}

/**
 * Brings the shares in a folder of node folders back to the whole keys. Every share must fit its public share in the lock,
 * and every key its validator.
 *
 * @throws ClusterError `cluster/shares-differ` names the file that does not fit, or how many are missing.
 */
export async function combineFolders(
  folder: string,
  checkLock: (lock: Lock, path: string) => Promise<void> | void,
  onFolder: (home: string) => void = () => {},
): Promise<CombinedKeys> {
  const homes = nodeFolders(folder);
  const [first] = homes;
  if (first === undefined)
    throw new ClusterError("cluster/missing", "combine key shares", {
      facts: { path: folder },
      hint: "Put the node folders (with cluster-lock.json and validator_keys) of at least threshold operators into one folder.",
    });
  const lock = readLock(join(first, "cluster-lock.json"));
  await checkLock(lock, join(first, "cluster-lock.json"));
  const shares: KeyShare[][] = lock.validators.map(() => []);
  const used: string[] = [];
  for (const home of homes) {
    const other = readLock(join(home, "cluster-lock.json"));
    if (toHex(other.lockHash) !== toHex(lock.lockHash))
      throw sharesDiffer(
        "all locks of one cluster",
        join(home, "cluster-lock.json"),
        "This folder belongs to another cluster; take it out.",
      );
    onFolder(home);
    for (const keystore of await readKeystores(join(home, "validator_keys"))) {
      const { validator, share } = placeOf(lock, keystore);
      const known = shares[validator] as KeyShare[];
      if (!known.some((one) => one.index === share)) known.push({ index: share, secret: keystore.secret });
      used.push(keystore.file);
    }
  }
  return { lock, secrets: shares.map((ofValidator, i) => combineOne(lock, ofValidator, i)), used };
}

/** Folders with a lock, in the order of their names. None where the folder itself is missing. */
function nodeFolders(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((name) => join(folder, name))
    .filter((home) => existsSync(join(home, "cluster-lock.json")));
}

const sharesDiffer = (wanted: string, path: string, hint: string): ClusterError =>
  new ClusterError("cluster/shares-differ", "combine key shares", { facts: { path, wanted }, hint });

function placeOf(
  lock: Lock,
  keystore: OpenedKeystore,
): { readonly validator: number; readonly share: number } {
  const key = toHex(keystore.secret.publicKey());
  for (const [validator, { publicShares }] of lock.validators.entries()) {
    const operator = publicShares.findIndex((share) => toHex(share) === key);
    if (operator >= 0) return { validator, share: operator + 1 };
  }
  throw sharesDiffer(
    "a share that is in the lock",
    keystore.file,
    "This keystore belongs to another cluster or was replaced; take it out or restore it.",
  );
}

function combineOne(lock: Lock, shares: readonly KeyShare[], validator: number): SecretKey {
  const { threshold } = lock.definition;
  const wanted = lock.validators[validator]?.publicKey ?? new Uint8Array(0);
  if (shares.length < threshold) {
    throw new ClusterError("cluster/shares-differ", "combine key shares", {
      facts: { validator, publicKey: toHex(wanted), sharesFound: shares.length, sharesNeeded: threshold },
      hint: "Add the folders of more operators.",
    });
  }
  const secret = recoverSecret(shares.slice(0, threshold));
  if (toHex(secret.publicKey()) !== toHex(wanted))
    throw sharesDiffer(
      "the validator's public key",
      `validator ${validator}`,
      "The lock's public shares do not make its public key; the lock is damaged.",
    );
  return secret;
}

/**
 * Writes combined keys as keystores into a new folder; on the disk for good when the promise settles.
 *
 * @param onEach - Told of each keystore; what it throws ends the work, and nothing stays.
 * @throws ClusterError `cluster/exists`
 */
export async function writeCombined(
  folder: string,
  secrets: readonly SecretKey[],
  onEach: () => void = () => {},
): Promise<void> {
  refuseExisting(folder);
  mkdirSync(dirname(folder) || ".", { recursive: true });
  const draft = `${folder}.unfinished-${draftName()}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  try {
    await writeKeystores(draft, secrets, false, onEach);
    await syncTree(draft);
    renameSync(draft, folder);
    await syncPath(dirname(folder));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
