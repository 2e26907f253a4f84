import { type Hex, toHex } from "../base/index.ts";
import { type Cluster, ClusterError, readKeystores } from "../cluster/index.ts";
import type { SecretKey } from "../crypto/index.ts";
import type { GroupKey, OperatorIndex } from "../spec/index.ts";

/** This node's key shares by the group key of their validator. */
export type KeyShares = ReadonlyMap<GroupKey, SecretKey>;

/**
 * Opens this node's keystores and checks each share against its public share in the lock.
 *
 * @throws ClusterError `cluster/shares-differ` names the file and whose share it is; `cluster/missing`; KeystoreError as cause.
 */
export async function loadKeystores(
  folder: string,
  cluster: Cluster,
  self: OperatorIndex,
): Promise<KeyShares> {
  const owners = new Map<Hex, { readonly groupKey: GroupKey; readonly operator: number }>();
  for (const { groupKey, publicShares } of cluster.validators) {
    for (const [operator, share] of publicShares.entries()) owners.set(toHex(share), { groupKey, operator });
  }
  const shares = new Map<GroupKey, SecretKey>();
  for (const { file, secret } of await readKeystores(folder)) {
    const owner = owners.get(toHex(secret.publicKey()));
    if (owner?.operator !== self) {
      const whose =
        owner === undefined
          ? "nobody's in this cluster"
          : `operator ${owner.operator}'s share of validator ${owner.groupKey}`;
      throw new ClusterError("cluster/shares-differ", "check the key shares against the cluster lock", {
        facts: { file, whose, thisOperator: self },
        hint: "Each operator has its own validator_keys folder; put this node's folder here.",
      });
    }
    shares.set(owner.groupKey, secret);
  }
  return shares;
}
