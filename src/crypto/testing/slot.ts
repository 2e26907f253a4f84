import { createHash } from "node:crypto";
import { toHex } from "../../base/index.ts";
import type { GroupKey, ShareIndex } from "../../spec/index.ts";
import { type KeyShare, SecretKey, type SlotJob, splitSecret } from "../index.ts";

/** One validator of a test cluster, with its whole key. */
export interface TestValidator {
  readonly key: SecretKey;
  readonly groupKey: GroupKey;
  readonly shares: readonly KeyShare[];
  readonly publicShares: readonly Uint8Array[];
  readonly threshold: number;
}

/** The same validator for the same number. */
export function testValidator(
  number: number,
  { threshold, shareCount }: { readonly threshold: number; readonly shareCount: number },
): TestValidator {
  let counter = 0;
  const entropy = (bytes: number): Uint8Array => {
    const blocks = [0, 1].map((half) => hash(`${number}/${counter++}/${half}`));
    return new Uint8Array(Buffer.concat(blocks).subarray(0, bytes));
  };
  const key = SecretKey.fromScalar(BigInt(1_000_003 + number));
  const shares = splitSecret(key, { threshold, shareCount, entropy });
  return {
    key,
    groupKey: toHex(key.publicKey()) as GroupKey,
    shares,
    publicShares: shares.map(({ secret }) => secret.publicKey()),
    threshold,
  };
}

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

/** A root named by a text. */
export function testRoot(name: string): Uint8Array {
  return new Uint8Array(hash(name));
}

/** All shares (or those of `signers`) sign the root honestly. */
export function honestJob(
  validator: TestValidator,
  root: Uint8Array,
  signers: readonly number[] = validator.shares.map(({ index }) => index),
): SlotJob {
  return {
    groupKey: validator.groupKey,
    root,
    threshold: validator.threshold,
    publicShares: validator.publicShares,
    partials: validator.shares
      .filter(({ index }) => signers.includes(index))
      .map(({ index, secret }) => ({ share: index as ShareIndex, signature: secret.sign(root) })),
  };
}
