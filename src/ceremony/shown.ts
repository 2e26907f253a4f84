import { equalBytes, proto } from "../base/index.ts";
import { type NodeKey, sha256, verifySecp256k1 } from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type CeremonyError, failed, lied } from "./errors.ts";

/**
 * What an author of a broadcast has shown to an operator: the hash that the operator signed, and the author's signature for
 * that, by which the operator can show it to others; empty from a Charon, which gives none.
 */
export const Shown = proto.message({ hash: proto.bytes(1), proof: proto.bytes(2) });
export type Shown = proto.Infer<typeof Shown>;

/** Who has shown something. */
export interface Author {
  readonly operator: OperatorIndex;
  /** Of its node, compressed. */
  readonly publicKey: Uint8Array;
  /** What it has shown in an earlier attempt proves nothing in this one. */
  readonly attempt: Uint8Array;
}

/** Under which name an operator tells others what an author has shown it. */
export const shownMail = (author: OperatorIndex, id: string): string => `shown/${author}${id}`;

const proofHash = (attempt: Uint8Array, hash: Uint8Array): Uint8Array =>
  sha256(new TextEncoder().encode("trireme ceremony shown"), attempt, hash);

/** The author's signature that goes with what it shows: 65 bytes. */
export const proveShown = (key: NodeKey, attempt: Uint8Array, hash: Uint8Array): Uint8Array =>
  key.sign(proofHash(attempt, hash));

export const isProven = ({ publicKey, attempt }: Author, { hash, proof }: Shown): boolean =>
  proof.length === 65 && verifySecp256k1(proofHash(attempt, hash), publicKey, proof);

/**
 * Compares what an author has shown us with what a witness says it was shown under the same name.
 *
 * @param what - What it is to people: "part of the keys".
 * @returns Undefined where that is the same; else who is to blame. Without both proofs that is one of two.
 */
export function compareShown(
  author: Author,
  witness: OperatorIndex,
  shown: { readonly us: Shown; readonly witness: Shown },
  what: string,
): CeremonyError | undefined {
  const { us, witness: theirs } = shown;
  if (equalBytes(us.hash, theirs.hash)) return undefined;
  const { operator } = author;
  if (isProven(author, us) && isProven(author, theirs))
    return lied(operator, `has shown operator ${witness} another ${what} than us, and signed both`);
  return failed(
    `operator ${operator} has shown us another ${what} than operator ${witness} says it was shown: one of the two cheats`,
    { operator, witness },
  );
}
