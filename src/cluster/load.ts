import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Hex, readInput, systemAdvice, toHex } from "../base/index.ts";
import { NodeKey } from "../crypto/index.ts";
import { type GroupKey, type OperatorIndex, shareIndexOf } from "../spec/index.ts";
import { parseEnr } from "./enr.ts";
import { ClusterError } from "./errors.ts";
import type { Lock } from "./model.ts";
import type { Network } from "./networks.ts";
import { parseLock } from "./read.ts";
import type { Cluster } from "./types.ts";
import { verifyLock } from "./verify-lock.ts";
import type { ContractAnswers } from "./wallet-claims.ts";

/**
 * Reads a text file.
 *
 * @param hint - What to do where it is missing.
 * @throws ClusterError `cluster/missing` with the path and what to do
 */
export function readText(path: string, what: string, hint: string): string {
  try {
    return readInput(path);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new ClusterError("cluster/missing", `read ${what}`, {
      cause,
      facts: { path },
      hint: isMissing ? hint : (systemAdvice(cause) ?? hint),
    });
  }
}

/** The names in a folder; none where there is no folder. @throws ClusterError `cluster/missing` - it is none, or cannot be read */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    const hint = systemAdvice(cause) ?? "Look at the folder with ls -l.";
    throw new ClusterError("cluster/missing", "look into a folder", { cause, facts: { path: folder }, hint });
  }
}

/** Reads a lock file; whatever is wrong with it is said with its path. Not verified yet. @throws ClusterError */
export function readLock(path: string): Lock {
  const text = readText(path, "the cluster lock", whereALockIs(path));
  try {
    return parseLock(text);
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause;
    throw new ClusterError(cause.code, `open ${path}`, { cause, facts: { path } });
  }
}

/** What to do where a lock cannot be read. One folder further down it often is, as `create cluster` leaves them. */
function whereALockIs(path: string): string {
  if (existsSync(path)) return "Use the file as it came out of the ceremony.";
  const folder = dirname(path);
  let below: string | undefined;
  try {
    below = namesIn(folder)
      .toSorted()
      .find((name) => existsSync(join(folder, name, "cluster-lock.json")));
  } catch {
    // Where one cannot look, the error itself says more than a hint.
  }
  return below === undefined
    ? "Put the cluster-lock.json of the ceremony there, or name the folder or the file that has it."
    : `There is one in ${join(folder, below)}: name the folder of this operator.`;
}

/** What a running node needs of a lock. */
export function clusterOf(lock: Lock): Cluster {
  const { definition } = lock;
  return {
    name: definition.name,
    uuid: lock.definition.uuid,
    lockHash: lock.lockHash,
    forkVersion: definition.forkVersion,
    threshold: definition.threshold,
    operators: definition.operators.map((operator, i) => ({
      index: i as OperatorIndex,
      share: shareIndexOf(i as OperatorIndex),
      enr: operator.enr,
      publicKey: parseEnr(operator.enr).publicKey,
      address: operator.address,
    })),
    validators: lock.validators.map((validator, i) => {
      const settings = definition.validators[i];
      const { registration } = validator;
      return {
        groupKey: toHex(validator.publicKey) as GroupKey,
        publicShares: validator.publicShares,
        feeRecipient: (settings?.feeRecipient ?? "0x").toLowerCase() as Hex,
        withdrawalAddress: (settings?.withdrawal ?? "0x").toLowerCase() as Hex,
        ...(registration === undefined
          ? {}
          : {
              builderRegistration: {
                feeRecipient: toHex(registration.feeRecipient),
                gasLimit: registration.gasLimit,
                timestamp: registration.timestamp,
                signature: registration.signature,
              },
            }),
      };
    }),
  };
}

/**
 * Checks all that a lock claims.
 *
 * @param options.answers - What contracts said to `contractQuestions` of its definition.
 * @param options.onUnverified - With this, a failed check is told to it instead of thrown (`--no-verify`).
 * @throws ClusterError
 */
export function verifiedCluster(
  lock: Lock,
  options: {
    readonly custom?: Network | undefined;
    readonly answers?: ContractAnswers;
    readonly onUnverified?: (error: ClusterError) => void;
  } = {},
): Cluster {
  try {
    verifyLock(lock, options.custom, options.answers);
  } catch (error) {
    if (!(error instanceof ClusterError) || options.onUnverified === undefined) throw error;
    options.onUnverified(error);
  }
  return clusterOf(lock);
}

/** Reads a node key: 64 hexadecimal digits in a file. @throws ClusterError */
export function loadNodeKey(path: string): NodeKey {
  const text = readText(
    path,
    "the node key",
    "Make one with `trireme create enr`, or name the folder or the file that has yours.",
  ).trim();
  const refused = (cause?: unknown): ClusterError =>
    new ClusterError("cluster/malformed", "read the node key", {
      ...(cause === undefined ? {} : { cause }),
      facts: { path, wanted: "64 hexadecimal digits, of a key of secp256k1" },
      hint: "Restore charon-enr-private-key from a backup; a new key is not a member of the cluster.",
    });
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw refused();
  try {
    return NodeKey.fromBytes(new Uint8Array(Buffer.from(text.replace(/^0x/, ""), "hex")));
  } catch (cause) {
    throw refused(cause);
  }
}

/** The operator whose key this is. @throws ClusterError `cluster/shares-differ` when it is nobody's */
export function operatorOfKey(cluster: Cluster, key: NodeKey): OperatorIndex {
  const found = cluster.operators.find((operator) => Buffer.compare(operator.publicKey, key.publicKey) === 0);
  if (found === undefined) {
    throw new ClusterError("cluster/shares-differ", "find this node in the cluster lock", {
      facts: {
        publicKey: toHex(key.publicKey),
        operators: cluster.operators.map((operator) => toHex(operator.publicKey)),
      },
      hint: "The node key and the cluster lock belong to different clusters; check --private-key-file and --lock-file.",
    });
  }
  return found.index;
}
