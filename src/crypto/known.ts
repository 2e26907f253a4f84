import { ParsedKeys, type SignatureSet } from "./bls.ts";

/** Signatures that this process has verified: whoever meets one of them again, over the same root, need not do it again. */
export class ProvenSignatures {
  readonly #proven = new Set<string>();

  add(set: SignatureSet): void {
    this.#proven.add(nameOf(set));
  }

  has(set: SignatureSet): boolean {
    return this.#proven.has(nameOf(set));
  }
}

/** What was established already, and is cheap to remember: public keys that were read, signatures that were verified. */
export interface Known {
  readonly keys: ParsedKeys;
  readonly signatures: ProvenSignatures;
}

export const nothingKnown = (): Known => ({ keys: new ParsedKeys(), signatures: new ProvenSignatures() });

/** Each part has one length, so no two sets have one name. */
const nameOf = ({ publicKey, root, signature }: SignatureSet): string =>
  Buffer.concat([publicKey, root, signature]).toString("latin1");
