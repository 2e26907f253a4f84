import { randomBytes } from "node:crypto";
import { chmodSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder, syncPath } from "../base/index.ts";
import type { KeyShare, SecretKey } from "../crypto/index.ts";
import type { CreatedCluster } from "./create.ts";
import { depositFileName, writeDepositFile } from "./deposit.ts";
import { writeKeystores } from "./keystore-files.ts";
import type { Lock } from "./model.ts";
import { networkByForkVersion } from "./networks.ts";
import { notWritten, refuseExisting, syncTree, writeDraft } from "./on-disk.ts";
import { writeLock } from "./write.ts";

const WRITE_NODES = "write the node folders";
const WRITE_COMBINED = "write the combined keys";

const clusterDraft = (folder: string): string => join(folder, `.unfinished-${basename(folder)}-`);
const combinedDraft = (folder: string): string => `${resolve(folder)}.unfinished-`;
/** Two attempts at once must not write into each other's draft. */
const newDraft = (prefix: string): string => `${prefix}${randomBytes(6).toString("hex")}`;

/** Drafts with keys in them that attempts to write a cluster or combined keys left when they were killed, or are writing now. */
export function unfinishedDrafts(folder: string): readonly string[] {
  return [clusterDraft(folder), combinedDraft(folder)].flatMap((prefix) => {
    const above = dirname(prefix);
    const names =
      statSync(above, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(above) : [];
    return names.filter((name) => name.startsWith(basename(prefix))).map((name) => join(above, name));
  });
}

/**
 * Writes one folder per node under `folder`, laid out as Charon's. All of it is made beside its final place and moved there
 * at the end, so a stop half way leaves nothing that looks finished, and a second attempt is not in its way. What has its
 * final name is on the disk for good.
 *
 * @param onProgress - Told of each keystore; what it throws ends the work, and nothing stays.
 * @throws ClusterError `cluster/exists` - a node folder is there already; `cluster/not-written`; nothing stays in both cases.
 */
export async function writeClusterFolders(
  folder: string,
  created: CreatedCluster,
  options: { readonly insecureKeys: boolean; readonly networkName?: string },
  onProgress: (done: number, of: number) => void = () => {},
): Promise<void> {
  const names = created.nodeKeys.map((_, i) => `node${i}`);
  for (const name of names) refuseExisting(join(folder, name), WRITE_NODES);
  const draft = newDraft(clusterDraft(folder));
  try {
    makeFolder(folder);
    const total = created.nodeKeys.length * created.shares.length;
    let done = 0;
    for (const [i, key] of created.nodeKeys.entries()) {
      const home = join(draft, names[i] as string);
      makeFolder(join(home, "validator_keys"), 0o700);
      chmodSync(home, 0o755);
      writeDraft(join(home, "charon-enr-private-key"), Buffer.from(key.revealBytes()).toString("hex"), 0o600);
      writeDraft(join(home, "cluster-lock.json"), writeLock(created.lock), 0o400);
      writeDeposits(home, created.lock, options.networkName);
      const shares = created.shares.map((ofValidator) => (ofValidator[i] as KeyShare).secret);
      await writeKeystores(join(home, "validator_keys"), shares, options.insecureKeys, () =>
        onProgress(++done, total),
      );
    }
    await syncTree(draft);
    moveAll(names, draft, folder);
    for (const above of [folder, dirname(folder)]) await syncPath(above);
  } catch (error) {
    throw notWritten(folder, WRITE_NODES, error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Moves all or none: what was moved before one fails goes back, so that no cluster looks finished that lacks a node. */
function moveAll(names: readonly string[], from: string, to: string): void {
  const moved: string[] = [];
  try {
    for (const name of names) {
      refuseExisting(join(to, name), WRITE_NODES);
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
    writeDraft(
      join(home, depositFileName(Number(amount))),
      writeDepositFile(deposits, lock.definition.forkVersion, name),
      0o444,
    );
  }
}

/**
 * Writes combined keys as keystores into a new folder; on the disk for good when the promise settles.
 *
 * @param onEach - Told of each keystore; what it throws ends the work, and nothing stays.
 * @throws ClusterError `cluster/exists`, `cluster/not-written`
 */
export async function writeCombined(
  folder: string,
  secrets: readonly SecretKey[],
  onEach: () => void = () => {},
): Promise<void> {
  refuseExisting(folder, WRITE_COMBINED);
  const draft = newDraft(combinedDraft(folder));
  try {
    makeFolder(dirname(draft));
    makeFolder(draft, 0o700);
    await writeKeystores(draft, secrets, false, onEach);
    await syncTree(draft);
    renameSync(draft, folder);
    await syncPath(dirname(draft));
  } catch (error) {
    throw notWritten(folder, WRITE_COMBINED, error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
