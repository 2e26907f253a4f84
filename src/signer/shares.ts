import { basename } from "node:path";
import { DvError, type Hex, isOpenToOthers, toHex } from "../base/index.ts";
import { type Cluster, type OpenedKeystore, readKeystores } from "../cluster/index.ts";
import type { SecretKey } from "../crypto/index.ts";
import { type Logger, silent } from "../ports/index.ts";
import type { GroupKey, OperatorIndex } from "../spec/index.ts";
import { NAMED_MAX } from "./limits.ts";

/**
 * `signer/wrong-share`: a keystore holds something else than a share of this operator. `signer/duplicate-share`: two files
 * hold the same share. `signer/missing-share`: validators of the cluster without a keystore.
 */
export class SignerError extends DvError<
  "signer/wrong-share" | "signer/duplicate-share" | "signer/missing-share"
> {}

/** This node's key shares by the group key of their validator. */
export type KeyShares = ReadonlyMap<GroupKey, SecretKey>;

/**
 * Opens this node's keystores and checks each share against its public share in the lock. A share in the wrong place would
 * not be dangerous, but every signature by it would be refused by the other operators.
 *
 * @param options.allowMissing - Go on with the shares that are there.
 * @throws SignerError names the file and whose share it is, or the validators without one; what `readKeystores` throws.
 */
export async function loadKeystores(
  folder: string,
  cluster: Cluster,
  self: OperatorIndex,
  options: { readonly log?: Logger; readonly allowMissing?: boolean; readonly signal?: AbortSignal } = {},
): Promise<KeyShares> {
  const log = (options.log ?? silent).room("signer");
  const keystores = await readKeystores(folder, options.signal);
  const shares = checkShares(keystores, cluster, self);
  const missing = cluster.validators.map(({ groupKey }) => groupKey).filter((key) => !shares.has(key));
  if (missing.length > 0) {
    const facts = { folder, missing: missing.length, validators: missing.slice(0, NAMED_MAX) };
    if (options.allowMissing !== true)
      throw new SignerError(
        "signer/missing-share",
        "find a key share for every validator of the cluster lock",
        {
          facts,
          hint: "Copy all keystore-N.json and keystore-N.txt of this node's validator_keys folder here.",
        },
      );
    log.warn("Validators without a key share; this node does not sign for them", facts);
  }
  warnOfOpenPasswords(keystores, log);
  return shares;
}

/**
 * @returns The shares by group key.
 * @throws SignerError `signer/wrong-share`, `signer/duplicate-share`
 */
function checkShares(
  keystores: readonly OpenedKeystore[],
  cluster: Cluster,
  self: OperatorIndex,
): Map<GroupKey, SecretKey> {
  const owners = ownersOfShares(cluster);
  const shares = new Map<GroupKey, SecretKey>();
  const fileOf = new Map<GroupKey, string>();
  for (const { file, secret } of keystores) {
    const publicKey = toHex(secret.publicKey());
    const owner = owners.get(publicKey);
    if (owner?.operator !== self) throw wrongShare(file, publicKey, owner, self);
    const earlier = fileOf.get(owner.groupKey);
    if (earlier !== undefined)
      throw new SignerError(
        "signer/duplicate-share",
        "check the key shares: two keystores hold the same share",
        {
          facts: { file, sameAs: basename(earlier), validator: owner.groupKey },
          hint: "Remove one of the two; a keystore of another validator may have been overwritten by the copy.",
        },
      );
    shares.set(owner.groupKey, secret);
    fileOf.set(owner.groupKey, file);
  }
  return shares;
}

interface Owner {
  readonly groupKey: GroupKey;
  /** Undefined for the whole key of the validator. */
  readonly operator: number | undefined;
}

function ownersOfShares(cluster: Cluster): Map<Hex, Owner> {
  const owners = new Map<Hex, Owner>();
  for (const { groupKey, publicShares } of cluster.validators) {
    owners.set(groupKey, { groupKey, operator: undefined });
    for (const [operator, share] of publicShares.entries()) owners.set(toHex(share), { groupKey, operator });
  }
  return owners;
}

function wrongShare(
  file: string,
  publicKey: Hex,
  owner: Owner | undefined,
  self: OperatorIndex,
): SignerError {
  const message = "check a key share against the cluster lock";
  const facts = { file, publicKey, thisOperator: self };
  if (owner === undefined)
    return new SignerError("signer/wrong-share", message, {
      facts,
      hint: "The keystore belongs to another cluster, or the lock was replaced; put this cluster's validator_keys here.",
    });
  if (owner.operator === undefined)
    return new SignerError("signer/wrong-share", message, {
      facts: { ...facts, validator: owner.groupKey },
      hint: "This is the whole key of the validator, not a share. Remove it: whoever runs it beside the cluster gets slashed.",
    });
  return new SignerError("signer/wrong-share", message, {
    facts: { ...facts, validator: owner.groupKey, shareOfOperator: owner.operator },
    hint: `This is the share of operator ${owner.operator}; this node is operator ${self}. Put this node's own validator_keys here.`,
  });
}

/** Keystores are encrypted and may be read by all; what opens them may not. */
function warnOfOpenPasswords(keystores: readonly OpenedKeystore[], log: Logger): void {
  const open = keystores.map(({ file }) => file.replace(/\.json$/, ".txt")).filter(isOpenToOthers);
  if (open.length > 0)
    log.warn("Passwords of key shares can be read by other users of this machine; chmod 400 would end that", {
      count: open.length,
      files: open.slice(0, NAMED_MAX).map((file) => basename(file)),
    });
}
