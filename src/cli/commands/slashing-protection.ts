import { join } from "node:path";
import { DvError, fromHex, type Hex, readInput, toHex } from "../../base/index.ts";
import {
  type Cluster,
  clusterOf,
  loadNodeKey,
  networkByForkVersion,
  operatorOfKey,
  readLock,
  refuseExisting,
} from "../../cluster/index.ts";
import { slashingDatabase } from "../../node/index.ts";
import type { GroupKey } from "../../spec/index.ts";
import { exportSlashingProtection, importSlashingProtection } from "../../storage/index.ts";
import { writeNewFile } from "../new-file.ts";
import { type Chosen, UsageError } from "../settings.ts";
import type { CommandInput } from "./index.ts";

const WRITE = "write the interchange file";

/** Writes the interchange file of a stopped node. */
export async function exportCommand({ chosen, io, positional }: CommandInput): Promise<void> {
  refuseExisting(positional, WRITE);
  const shares = chosen.flag("for-validator-client") ? ownShares(chosen) : undefined;
  const text = exportSlashingProtection(
    slashingDatabase(chosen.text("data-dir")),
    shares === undefined ? {} : { nameOf: (groupKey) => shares.get(groupKey) },
  );
  await writeNewFile(positional, text, { what: WRITE });
  io.out(
    `Wrote what this node has signed to ${positional}. Do not start this node again once another program uses the file.\n`,
  );
}

/** Adds an interchange file to a stopped node's memory, be it by validator or by key share. */
export async function importCommand({ chosen, io, positional }: CommandInput): Promise<void> {
  const cluster = clusterOfLock(chosen);
  const validators = validatorsByKey(cluster);
  const root = networkByForkVersion(cluster.forkVersion)?.genesisValidatorsRoot;
  const text = readInterchange(positional);
  const summary = naming(positional, () =>
    importSlashingProtection(slashingDatabase(chosen.text("data-dir")), text, {
      lockHash: cluster.lockHash,
      ...(root === undefined ? {} : { genesisValidatorsRoot: fromHex(root, 32) }),
      nameOf: (key) => validators.get(key),
    }),
  );
  io.out(
    `Imported ${positional}: ${JSON.stringify(summary)}\n` +
      "The node watches the chain for two epochs before it signs; what these keys signed with before has to stay stopped.\n",
  );
}

/** What is wrong with the content of a file is said with its path. */
function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof DvError) || !cause.code.startsWith("slashing/")) throw cause;
    throw new DvError(cause.code, `import ${path}`, { cause });
  }
}

function readInterchange(path: string): string {
  try {
    return readInput(path);
  } catch (cause) {
    throw new UsageError("cli/usage", `read the interchange file ${path}`, {
      cause,
      hint: "Name the JSON file that the other program exported (EIP-3076).",
    });
  }
}

function clusterOfLock(chosen: Chosen): Cluster {
  return clusterOf(readLock(chosen.textOr("lock-file", join(chosen.text("data-dir"), "cluster-lock.json"))));
}

/** The validator of a public key: its own, or of any operator's share of it. */
function validatorsByKey({ validators }: Cluster): ReadonlyMap<Hex, GroupKey> {
  return new Map(
    validators.flatMap(({ groupKey, publicShares }) => [
      [groupKey, groupKey] as const,
      ...publicShares.map((share) => [toHex(share), groupKey] as const),
    ]),
  );
}

/** The public key of this operator's share of each validator, which is what a validator client beside Charon knows. */
function ownShares(chosen: Chosen): ReadonlyMap<GroupKey, GroupKey> {
  const cluster = clusterOfLock(chosen);
  const keyFile = chosen.textOr("private-key-file", join(chosen.text("data-dir"), "charon-enr-private-key"));
  const self = operatorOfKey(cluster, loadNodeKey(keyFile));
  return new Map(
    cluster.validators.map(({ groupKey, publicShares }) => [
      groupKey,
      toHex(publicShares[self] ?? new Uint8Array()) as GroupKey,
    ]),
  );
}
