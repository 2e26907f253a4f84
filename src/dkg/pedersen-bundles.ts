import {
  type DomainSignature,
  type DomainSignatures,
  hashBytesRoot,
  type PointArithmetic,
  sha256,
} from "../crypto/index.ts";
import { type OperatorIndex, shareIndexOf } from "../spec/index.ts";
import type { Lie } from "./key.ts";

// What operators of a Pedersen key generation tell each other, and what exactly they sign. The encodings are those of kyber,
// the library that Charon uses (github.com/drand/kyber, share/dkg).

/** Under which name bundles are signed. */
export const BUNDLE_DOMAIN = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

/** One who deals or receives. */
export interface PedersenNode {
  readonly operator: OperatorIndex;
  /** Its number on the wire; its share is the polynomial's value at `index + 1`. */
  readonly index: number;
  /** Of this ceremony alone, 48 bytes. */
  readonly publicKey: Uint8Array;
}

/** The making of one validator's key. */
export interface PedersenSession {
  /** 32 bytes; every bundle carries it. */
  readonly id: Uint8Array;
  /** Who deals. In resharing those who hold the key so far. */
  readonly dealers: readonly PedersenNode[];
  /** Who gets a share; the same for a new key. */
  readonly receivers: readonly PedersenNode[];
  /** Of the key that is made. */
  readonly threshold: number;
  /** In resharing: what a dealer must have for its constant term, its public share so far. Anything for a new key. */
  readonly constantOf?: (dealer: PedersenNode) => Uint8Array;
}

export interface PedersenTools {
  readonly curve: PointArithmetic;
  /** Under `BUNDLE_DOMAIN`. */
  readonly signatures: DomainSignatures;
}

/** A dealer's commitments, and for each other receiver its share, encrypted. */
export interface DealBundle {
  readonly dealerIndex: number;
  readonly deals: readonly { readonly shareIndex: number; readonly encryptedShare: Uint8Array }[];
  /** Coefficients times the generator, constant term first; `threshold` points of 48 bytes. */
  readonly public: readonly Uint8Array[];
  readonly sessionId: Uint8Array;
  readonly signature: Uint8Array;
}

/** Whether a receiver got a good share of each dealer. */
export interface ResponseBundle {
  readonly shareIndex: number;
  readonly responses: readonly { readonly dealerIndex: number; readonly status: boolean }[];
  readonly sessionId: Uint8Array;
  readonly signature: Uint8Array;
}

/** The shares of those who complained, in the open. */
export interface JustificationBundle {
  readonly dealerIndex: number;
  readonly justifications: readonly { readonly shareIndex: number; readonly share: Uint8Array }[];
  readonly sessionId: Uint8Array;
  readonly signature: Uint8Array;
}

/** The session of the `iteration`th validator: the SSZ root of that number and the list of nodes, ordered by index. */
export function sessionId(nodes: readonly PedersenNode[], iteration: number): Uint8Array {
  const elements = nodes.map(({ index, publicKey }) => sha256(chunk(index), hashBytesRoot(publicKey)));
  const list = sha256(hashBytesRoot(Buffer.concat(elements)), chunk(nodes.length));
  return sha256(chunk(iteration), list);
}

/** What a dealer signs. */
export function digestOfDeals(bundle: Omit<DealBundle, "signature">): Uint8Array {
  const sorted = bundle.deals.toSorted((a, b) => a.shareIndex - b.shareIndex);
  const deals = sorted.flatMap(({ shareIndex, encryptedShare }) => [uint32(shareIndex), encryptedShare]);
  return sha256(uint32(bundle.dealerIndex), ...bundle.public, ...deals, bundle.sessionId);
}

/** What a receiver signs. */
export function digestOfResponses(bundle: Omit<ResponseBundle, "signature">): Uint8Array {
  const sorted = bundle.responses.toSorted((a, b) => a.dealerIndex - b.dealerIndex);
  const responses = sorted.flatMap(({ dealerIndex, status }) => [
    uint32(dealerIndex),
    Uint8Array.of(status ? 1 : 0),
  ]);
  return sha256(uint32(bundle.shareIndex), ...responses, bundle.sessionId);
}

/** What a dealer signs that was complained about. */
export function digestOfJustifications(bundle: Omit<JustificationBundle, "signature">): Uint8Array {
  const sorted = bundle.justifications.toSorted((a, b) => a.shareIndex - b.shareIndex);
  const shares = sorted.flatMap(({ shareIndex, share }) => [uint32(shareIndex), share]);
  return sha256(uint32(bundle.dealerIndex), ...shares, bundle.sessionId);
}

/** For a batch of signatures. */
export const signedBy = (
  { publicKey }: PedersenNode,
  message: Uint8Array,
  { signature }: { readonly signature: Uint8Array },
): DomainSignature => ({ publicKey, message, signature });

export const lieOf = ({ operator }: { readonly operator: OperatorIndex }, what: string): Lie => ({
  liar: shareIndexOf(operator),
  what,
});

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A number as SSZ has it in a leaf. */
function chunk(value: number): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(value);
  return bytes;
}
