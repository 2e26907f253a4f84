import { existsSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../base/index.ts";
import { type KeyShare, recoverSecret, type SecretKey } from "../crypto/index.ts";
import { ClusterError } from "./errors.ts";
import { type OpenedKeystore, readKeystores } from "./keystore-files.ts";
import { namesIn, readLock } from "./load.ts";
import type { Lock } from "./model.ts";

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
  return namesIn(folder)
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
