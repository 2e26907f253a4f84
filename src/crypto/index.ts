/**
 * Keys, signatures and secret types: BLS12-381 with threshold signatures, secp256k1, EIP-2335 keystores. The one home of
 * blst, noble and libsecp256k1. Pure and synchronous, but for the derivation of keystore keys. Does not know which
 * duty is signed. Secret types have no text form.
 */
export {
  aggregatePublicKeys,
  aggregateSignatures,
  aggregateVerify,
  fastAggregateVerify,
  isPointOfG1,
  isPointOfG2,
  isPublicKey,
  isSignature,
  ParsedKeys,
  type SignatureSet,
  verify,
  verifyAll,
  verifyEach,
} from "./bls.ts";
export { combineHonest, combineSlot, type SlotJob, type SlotResult } from "./combine-slot.ts";
export { CommittedPolynomial, hashToScalar, provesKnowledge } from "./commitments.ts";
export { derOfSignature, signatureOfDer } from "./der-signature.ts";
export { deriveSecretKey } from "./derive.ts";
export { encryptTo, openWith, sharedPoint } from "./ecies.ts";
export { hashBytesRoot, hashBytesRootInPieces, hashPair } from "./hash-bytes.ts";
export { inlineBlsWork } from "./inline-bls-work.ts";
export {
  decryptKeystore,
  encryptKeystore,
  type Keystore,
  KeystoreError,
  PBKDF2_ROUNDS,
  parseKeystore,
} from "./keystore.ts";
export { type Known, nothingKnown } from "./known.ts";
export {
  type DomainSignature,
  type DomainSignatures,
  PairingCurve,
  type PointArithmetic,
  type SignatureBatch,
} from "./pairing-curve.ts";
export { areSharesOf } from "./public-shares.ts";
export { bytesToScalar, CURVE_ORDER, invert, modOrder, randomScalar, scalarToBytes } from "./scalar.ts";
export {
  keccak256,
  NodeKey,
  recoverPublicKey,
  sha256,
  verifySecp256k1,
} from "./secp256k1.ts";
export { KeyError, SecretKey } from "./secret-key.ts";
export { combineUnverified, type KeyShare, recoverSecret, splitSecret } from "./threshold.ts";
