import { createHash } from "node:crypto";
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from "../src/base/index.ts";
import type { Cluster } from "../src/cluster/index.ts";
import type { BlsWork, ShareSigner } from "../src/ports/index.ts";
import {
  type GroupKey,
  type OperatorIndex,
  type Root,
  type ShareIndex,
  shareIndexOf,
} from "../src/spec/index.ts";

/**
 * A cluster whose signatures are hashes: what combines, what is guilty and what verifies is as with BLS, a thousand times
 * faster. Thresholds, guilt and verification are real; only secrecy is not.
 */
export interface ToyCluster {
  readonly cluster: Cluster;
  readonly bls: BlsWork;
  signer(operator: OperatorIndex): ShareSigner;
  /** Whether this is the group signature of `root`. */
  verify(groupKey: GroupKey, root: Root, signature: Uint8Array): boolean;
}

export function toyCluster(options: {
  readonly operatorCount: number;
  readonly threshold: number;
  readonly validatorCount: number;
  readonly feeRecipient?: Hex;
}): ToyCluster {
  const { operatorCount, threshold, validatorCount } = options;
  const feeRecipient = options.feeRecipient ?? `0x${"fe".repeat(20)}`;
  const operators = Array.from({ length: operatorCount }, (_, i) => ({
    index: i as OperatorIndex,
    share: shareIndexOf(i as OperatorIndex),
    enr: `enr:operator-${i}`,
    publicKey: concatBytes(Uint8Array.of(2), hash(32, `operator ${i}`)),
    address: "",
  }));
  const validators = Array.from({ length: validatorCount }, (_, v) => ({
    groupKey: toHex(hash(48, `group ${v}`)) as GroupKey,
    publicShares: operators.map(({ share }) => hash(48, `share ${v} ${share}`)),
    feeRecipient,
    withdrawalAddress: feeRecipient,
  }));
  const publicShareOf = (groupKey: GroupKey, share: ShareIndex): Uint8Array | undefined =>
    validators.find((validator) => validator.groupKey === groupKey)?.publicShares[share - 1];
  const groupSignature = (groupKey: GroupKey, root: Root): Uint8Array => sign(fromHex(groupKey), root);

  return {
    cluster: {
      name: "toy",
      uuid: "",
      lockHash: hash(32, "lock"),
      forkVersion: new Uint8Array(4),
      threshold,
      operators,
      validators,
    },
    signer: (operator) => ({
      groupKeys: validators.map(({ groupKey }) => groupKey),
      sign: async (requests) =>
        requests.map(({ groupKey, root }) => {
          const publicShare = publicShareOf(groupKey, shareIndexOf(operator));
          return publicShare === undefined ? undefined : sign(publicShare, root);
        }),
    }),
    verify: (groupKey, root, signature) => equalBytes(signature, groupSignature(groupKey, root)),
    bls: {
      combine: async (jobs) =>
        jobs.map(({ groupKey, root, partials, publicShares }) => {
          const guilty = partials
            .filter(({ share, signature }) => {
              const publicShare = publicShares[share - 1];
              return publicShare === undefined || !equalBytes(signature, sign(publicShare, root));
            })
            .map(({ share }) => share);
          const good = partials.length - guilty.length;
          return { guilty, signature: good >= threshold ? groupSignature(groupKey, root) : undefined };
        }),
      verify: async (sets) =>
        sets.map(({ publicKey, root, signature }) => equalBytes(signature, sign(publicKey, root))),
    },
  };
}

function sign(key: Uint8Array, root: Root): Uint8Array {
  return hash(96, Buffer.concat([key, root]));
}

function hash(length: number, text: string | Uint8Array): Uint8Array {
  const blocks = [0, 1, 2].map((i) => createHash("sha256").update(text).update(Uint8Array.of(i)).digest());
  return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
}
