import {
  aggregateSerializedPublicKeys,
  aggregateSerializedSignatures,
  aggregateWithRandomness,
  aggregateVerify as blstAggregateVerify,
  fastAggregateVerify as blstFastAggregateVerify,
  verify as blstVerify,
  PublicKey,
  Signature,
  verifyMultipleAggregateSignatures,
} from "@chainsafe/blst";

/** A signature to be checked: 48-byte public key, 32-byte root, 96-byte signature. */
export interface SignatureSet {
  readonly publicKey: Uint8Array;
  readonly root: Uint8Array;
  readonly signature: Uint8Array;
}

/** The answer of `check`, and false where it throws: whatever cannot be read is not a good signature. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

// Public keys come from the lock again and again; parsing one costs a square root and a subgroup check.
const parsedKeys = new Map<string, PublicKey>();
const PARSED_KEYS_MAX = 20_000;

function parseKey(bytes: Uint8Array): PublicKey {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  let key = parsedKeys.get(name);
  if (key === undefined) {
    key = PublicKey.fromBytes(bytes, true);
    if (parsedKeys.size >= PARSED_KEYS_MAX) parsedKeys.clear();
    parsedKeys.set(name, key);
  }
  return key;
}

/** Whether `bytes` is a public key: 48 bytes, compressed, in the subgroup, not the identity. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return holds(() => parseKey(bytes) !== undefined);
}

/** Whether `bytes` is a point of G2's subgroup other than the identity: 96 bytes, compressed. */
export function isSignature(bytes: Uint8Array): boolean {
  return holds(() => Signature.fromBytes(bytes, true, true) !== undefined);
}

/** @spec draft-irtf-cfrg-bls-signature-05 section 2.7, with the consensus specification's rules for the identity */
export function verify({ publicKey, root, signature }: SignatureSet): boolean {
  return holds(() => blstVerify(root, parseKey(publicKey), Signature.fromBytes(signature), false, true));
}

/**
 * Whether all signatures are right, as one weighted batch: a forged one passes with probability 2^-64. Signatures of the
 * same root share one pairing, and all attesters of a slot sign the same root (EIP-7549).
 */
export function verifyAll(sets: readonly SignatureSet[]): boolean {
  if (sets.length === 0) return true;
  const [first] = sets;
  if (sets.length === 1 && first !== undefined) return verify(first);
  return holds(() => {
    const byRoot = Map.groupBy(sets, ({ root }) => Buffer.from(root).toString("latin1"));
    const batches = [...byRoot.values()].map((group) => {
      const root = (group[0] as SignatureSet).root;
      const keyed = group.map((set) => ({ pk: parseKey(set.publicKey), sig: set.signature }));
      const [only] = keyed;
      if (keyed.length === 1 && only !== undefined)
        return { msg: root, pk: only.pk, sig: Signature.fromBytes(only.sig, true, true) };
      const { pk, sig } = aggregateWithRandomness(keyed);
      return { msg: root, pk, sig };
    });
    const [only] = batches;
    if (batches.length === 1 && only !== undefined)
      return blstVerify(only.msg, only.pk, only.sig, false, false);
    return verifyMultipleAggregateSignatures(batches, false, false);
  });
}

/** Which signatures are right. One batch when all are; otherwise halves, down to the wrong ones. */
export function verifyEach(sets: readonly SignatureSet[]): boolean[] {
  if (verifyAll(sets)) return sets.map(() => true);
  if (sets.length <= 1) return sets.map(() => false);
  const middle = sets.length >>> 1;
  return [...verifyEach(sets.slice(0, middle)), ...verifyEach(sets.slice(middle))];
}

/** The sum of signatures; undefined when there is none or one is not a signature. */
export function aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    return signatures.length === 0
      ? undefined
      : aggregateSerializedSignatures([...signatures], true).toBytes();
  } catch {
    return undefined;
  }
}

/** The sum of public keys; undefined when there is none or one is not a public key. */
export function aggregatePublicKeys(keys: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    return keys.length === 0 ? undefined : aggregateSerializedPublicKeys([...keys], true).toBytes();
  } catch {
    return undefined;
  }
}

/** One aggregate signature by many keys over one root. */
export function fastAggregateVerify(
  root: Uint8Array,
  publicKeys: readonly Uint8Array[],
  signature: Uint8Array,
): boolean {
  return (
    publicKeys.length > 0 &&
    holds(() => blstFastAggregateVerify(root, publicKeys.map(parseKey), Signature.fromBytes(signature), true))
  );
}

/** One aggregate signature, each key over its own root. */
export function aggregateVerify(
  roots: readonly Uint8Array[],
  publicKeys: readonly Uint8Array[],
  signature: Uint8Array,
): boolean {
  return (
    publicKeys.length > 0 &&
    roots.length === publicKeys.length &&
    holds(() =>
      blstAggregateVerify([...roots], publicKeys.map(parseKey), Signature.fromBytes(signature), false, true),
    )
  );
}
