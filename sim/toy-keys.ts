import { hash as digest } from "node:crypto";
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from "../src/base/index.ts";
import type { Cluster } from "../src/cluster/index.ts";
import type { BlsWork, ShareSigner } from "../src/ports/index.ts";
import {
  type GroupKey,
  type OperatorIndex,
  type Root,
  type ShareIndex,
  shareIndexOf,
  signingRoot,
  ssz,
} from "../src/spec/index.ts";

/**
 * A cluster whose signatures are hashes: what combines, what is guilty and what verifies is as with BLS, a thousand times
 * faster. Thresholds, guilt and verification are real; only secrecy is not.
 */
export interface ToyCluster {
  readonly cluster: Cluster;
  readonly bls: BlsWork;
  signer(operator: OperatorIndex): ShareSigner;
  /** Whether this is the partial signature of `root` by this share. */
  verifyShare(groupKey: GroupKey, share: ShareIndex, root: Root, signature: Uint8Array): boolean;
  /** The group signature of `root`, as a threshold of shares makes it. */
  groupSignature(groupKey: GroupKey, root: Root): Uint8Array;
  /** Whether this is the group signature of `root`. */
  verify(groupKey: GroupKey, root: Root, signature: Uint8Array): boolean;
}

export function toyCluster(options: {
  readonly operatorCount: number;
  readonly threshold: number;
  readonly validatorCount: number;
  readonly feeRecipient?: Hex;
  /** The domain of builder registrations, for the ones that the ceremony signed; there are none when left out. */
  readonly builderDomain?: Uint8Array;
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
  const groupSignature = (groupKey: GroupKey, root: Root): Uint8Array => sign(fromHex(groupKey), root);
  const validators = Array.from({ length: validatorCount }, (_, v) => {
    const groupKey = toHex(hash(48, `group ${v}`)) as GroupKey;
    const registration = {
      feeRecipient: fromHex(feeRecipient),
      gasLimit: 45_000_000,
      timestamp: 1_700_000_000,
    };
    const root = ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot({
      ...registration,
      pubkey: fromHex(groupKey),
    });
    return {
      groupKey,
      publicShares: operators.map(({ share }) => hash(48, `share ${v} ${share}`)),
      feeRecipient,
      withdrawalAddress: feeRecipient,
      ...(options.builderDomain === undefined
        ? {}
        : {
            builderRegistration: {
              ...registration,
              feeRecipient,
              signature: groupSignature(groupKey, signingRoot(root, options.builderDomain)),
            },
          }),
    };
  });
  const publicShareOf = (groupKey: GroupKey, share: ShareIndex): Uint8Array | undefined =>
    validators.find((validator) => validator.groupKey === groupKey)?.publicShares[share - 1];

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
    groupSignature,
    verifyShare(groupKey, share, root, signature) {
      const publicShare = publicShareOf(groupKey, share);
      return publicShare !== undefined && equalBytes(signature, sign(publicShare, root));
    },
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
  const first = digest("sha512", text, "buffer");
  return new Uint8Array(Buffer.concat([first, digest("sha256", first, "buffer")]).subarray(0, length));
}
