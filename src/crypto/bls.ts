import {
  aggregateSerializedSignatures,
  aggregateWithRandomness,
  type SignatureSet as BlstSet,
  aggregatePublicKeys as blstAddKeys,
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

/**
 * Public keys that were read before. They come from the lock again and again, and reading one costs a square root and a
 * subgroup check (70 us). Whoever verifies a lot keeps one of these; without it every key is read anew.
 */
export class ParsedKeys {
  readonly #keys = new Map<string, PublicKey>();

  /** @throws when `bytes` is not a public key. */
  parse(bytes: Uint8Array): PublicKey {
    const name = nameOf(bytes);
    return this.#keys.get(name) ?? this.#remember(name, parseKey(bytes));
  }

  /** Takes a key that was computed from others in the group, and so lies in it: that need not be checked. @throws as `parse` */
  learn(bytes: Uint8Array): void {
    this.#remember(nameOf(bytes), readKey(bytes, { inGroup: false }));
  }

  #remember(name: string, key: PublicKey): PublicKey {
    if (this.#keys.size >= PARSED_KEYS_MAX) this.#keys.clear();
    this.#keys.set(name, key);
    return key;
  }
}

const nameOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** Group keys and public shares of 1,000 validators with 10 operators, and as much again. */
const PARSED_KEYS_MAX = 20_000;

// The library reads uncompressed points as well; on the wire a key and a signature have one form each.
function parseKey(bytes: Uint8Array): PublicKey {
  return readKey(bytes, { inGroup: true });
}

function readKey(bytes: Uint8Array, { inGroup }: { readonly inGroup: boolean }): PublicKey {
  if (bytes.length !== PUBLIC_KEY_BYTES) throw new TypeError("a public key has 48 bytes");
  return PublicKey.fromBytes(bytes, inGroup);
}

/** A point of the curve; whether it lies in the subgroup is checked with `inGroup`, where the identity is refused too. */
function parseSignature(bytes: Uint8Array, { inGroup }: { readonly inGroup: boolean }): Signature {
  return Signature.fromBytes(compressed(bytes), inGroup, true);
}

function compressed(signature: Uint8Array): Uint8Array {
  if (signature.length !== SIGNATURE_BYTES) throw new TypeError("a signature has 96 bytes");
  return signature;
}

const PUBLIC_KEY_BYTES = 48;
const SIGNATURE_BYTES = 96;

/** Whether `bytes` is a public key: 48 bytes, compressed, in the subgroup, not the identity. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return holds(() => parseKey(bytes) !== undefined);
}

/** Whether `bytes` is a point of G2's subgroup other than the identity: 96 bytes, compressed. */
export function isSignature(bytes: Uint8Array): boolean {
  return holds(() => parseSignature(bytes, { inGroup: true }) !== undefined);
}

/** Whether `bytes` is a point of G1's subgroup, the identity included: 48 bytes, compressed. */
export function isPointOfG1(bytes: Uint8Array): boolean {
  return isIdentity(bytes, PUBLIC_KEY_BYTES) || isPublicKey(bytes);
}

/** Whether `bytes` is a point of G2's subgroup, the identity included: 96 bytes, compressed. */
export function isPointOfG2(bytes: Uint8Array): boolean {
  return isIdentity(bytes, SIGNATURE_BYTES) || isSignature(bytes);
}

function isIdentity(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && bytes[0] === 0xc0 && bytes.subarray(1).every((byte) => byte === 0);
}

/**
 * Whether `signature` is that of `publicKey` over `root`. What cannot be read is not a signature.
 *
 * @spec draft-irtf-cfrg-bls-signature-05 section 2.7, with the consensus specification's rules for the identity
 */
export function verify({ publicKey, root, signature }: SignatureSet, keys?: ParsedKeys): boolean {
  return holds(() => {
    const key = keys === undefined ? parseKey(publicKey) : keys.parse(publicKey);
    return blstVerify(root, key, parseSignature(signature, { inGroup: false }), false, true);
  });
}

/**
 * Whether all signatures are right, as one weighted batch: a forged one passes with probability 2^-64. Signatures of the
 * same root share one pairing, and all attesters of a slot sign the same root (EIP-7549).
 *
 * @spec https://ethresear.ch/t/fast-verification-of-multiple-bls-signatures/5407
 */
export function verifyAll(sets: readonly SignatureSet[], keys: ParsedKeys = new ParsedKeys()): boolean {
  const [first] = sets;
  if (first === undefined) return true;
  if (sets.length === 1) return verify(first, keys);
  return holds(() => {
    const byRoot = Map.groupBy(sets, ({ root }) => Buffer.from(root).toString("latin1"));
    const batches = [...byRoot.values()].map((group) => batchOfOneRoot(group, keys));
    const [only] = batches;
    if (batches.length === 1 && only !== undefined)
      return blstVerify(only.msg, only.pk, only.sig, false, false);
    return verifyMultipleAggregateSignatures(batches, false, false);
  });
}

/** Signatures are checked to be in the subgroup here, each of them, so that the pairing need not. */
function batchOfOneRoot(group: readonly SignatureSet[], keys: ParsedKeys): BlstSet {
  const { root, signature } = group[0] as SignatureSet;
  const keyed = group.map((set) => ({ pk: keys.parse(set.publicKey), sig: compressed(set.signature) }));
  const [only] = keyed;
  return keyed.length === 1 && only !== undefined
    ? { msg: root, pk: only.pk, sig: parseSignature(signature, { inGroup: true }) }
    : { msg: root, ...aggregateWithRandomness(keyed) };
}

/** Which signatures are right. One batch when all are; otherwise halves, down to the wrong ones. */
export function verifyEach(sets: readonly SignatureSet[], keys: ParsedKeys = new ParsedKeys()): boolean[] {
  if (verifyAll(sets, keys)) return sets.map(() => true);
  if (sets.length <= 1) return sets.map(() => false);
  const middle = sets.length >>> 1;
  return [...verifyEach(sets.slice(0, middle), keys), ...verifyEach(sets.slice(middle), keys)];
}

/**
 * The sum of signatures; undefined when there is none or one is not a signature.
 *
 * @param options.inGroup - Whether each is checked to be in the subgroup; not needed where the sum is verified after it.
 */
export function aggregateSignatures(
  signatures: readonly Uint8Array[],
  { inGroup }: { readonly inGroup: boolean } = { inGroup: true },
): Uint8Array | undefined {
  try {
    return signatures.length === 0
      ? undefined
      : aggregateSerializedSignatures(signatures.map(compressed), inGroup).toBytes();
  } catch {
    return undefined;
  }
}

/** The sum of public keys; undefined when there is none or one is not a public key. */
export function aggregatePublicKeys(keys: readonly Uint8Array[]): Uint8Array | undefined {
  try {
    return keys.length === 0 ? undefined : blstAddKeys(keys.map(parseKey), false).toBytes();
  } catch {
    return undefined;
  }
}

/** One aggregate signature by many keys over one root. */
export function fastAggregateVerify(
  root: Uint8Array,
  publicKeys: readonly Uint8Array[],
  signature: Uint8Array,
  keys?: ParsedKeys,
): boolean {
  return (
    publicKeys.length > 0 &&
    holds(() =>
      blstFastAggregateVerify(
        root,
        publicKeys.map((key) => (keys === undefined ? parseKey(key) : keys.parse(key))),
        parseSignature(signature, { inGroup: false }),
        true,
      ),
    )
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
      blstAggregateVerify(
        [...roots],
        publicKeys.map(parseKey),
        parseSignature(signature, { inGroup: false }),
        false,
        true,
      ),
    )
  );
}
