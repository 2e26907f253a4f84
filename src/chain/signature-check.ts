import { toHex } from "../base/index.ts";
import { fastAggregateVerify, type SignatureSet, sha256, verifyEach } from "../crypto/index.ts";
import type { BlsWork } from "../ports/index.ts";
import type { Root } from "../spec/index.ts";
import { SIGNATURES_REMEMBERED } from "./limits.ts";

/** Verifies in this thread, as one batch. */
export const inlineBls: Pick<BlsWork, "verify"> = {
  verify: (sets) => Promise.resolve(verifyEach(sets)),
};

/**
 * Every signature is verified, and each only once: all nodes of a cluster send the same group signatures, and what is the
 * same in key, root and signature is looked up, also while the first check is still under way.
 */
export class SignatureCheck {
  readonly #bls: Pick<BlsWork, "verify">;
  readonly #answers = new Map<string, Promise<boolean>>();
  #verified = 0;

  constructor(bls: Pick<BlsWork, "verify">) {
    this.#bls = bls;
  }

  /** Signatures that were really computed with; the rest were looked up. */
  get verified(): number {
    return this.#verified;
  }

  /** Whether each signature is right; the new ones in one batch. */
  async each(sets: readonly SignatureSet[]): Promise<boolean[]> {
    const names = sets.map(({ publicKey, root, signature }) =>
      Buffer.concat([publicKey, root, signature]).toString("latin1"),
    );
    const fresh = new Map<string, SignatureSet>();
    for (const [place, name] of names.entries())
      if (!this.#answers.has(name)) fresh.set(name, sets[place] as SignatureSet);
    if (fresh.size > 0) {
      this.#verified += fresh.size;
      const batch = this.#bls.verify([...fresh.values()]);
      for (const [place, name] of [...fresh.keys()].entries())
        this.#remember(
          name,
          batch.then((answers) => answers[place] === true),
        );
    }
    return Promise.all(names.map((name) => this.#answers.get(name) ?? Promise.resolve(false)));
  }

  /** Whether `signature` is the aggregate of signatures of all `publicKeys` over `root`. A key may appear several times. */
  aggregate(publicKeys: readonly Uint8Array[], root: Root, signature: Uint8Array): Promise<boolean> {
    const name = aggregateName(publicKeys, root, signature);
    const known = this.#answers.get(name);
    if (known !== undefined) return known;
    this.#verified++;
    const answer = Promise.resolve(fastAggregateVerify(root, publicKeys, signature));
    this.#remember(name, answer);
    return answer;
  }

  /** Notes an aggregate that the chain has put together itself from verified signatures. */
  trustAggregate(publicKeys: readonly Uint8Array[], root: Root, signature: Uint8Array): void {
    this.#remember(aggregateName(publicKeys, root, signature), Promise.resolve(true));
  }

  #remember(name: string, answer: Promise<boolean>): void {
    this.#answers.set(name, answer);
    if (this.#answers.size > SIGNATURES_REMEMBERED)
      this.#answers.delete(this.#answers.keys().next().value as string);
  }
}

function aggregateName(publicKeys: readonly Uint8Array[], root: Root, signature: Uint8Array): string {
  return toHex(sha256(...publicKeys, root, signature));
}
