import { setImmediate as nextTurn } from "node:timers/promises";
import type { DomainSignatures, SignatureBatch } from "../crypto/index.ts";
import { type PedersenNode, signedBy } from "../dkg/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { lied } from "./errors.ts";

/** The signatures of others under their bundles, of all validators in the making: together they cost little more than one. */
export class BundleSignatures {
  readonly #batch: SignatureBatch;
  readonly #signers: { readonly operator: OperatorIndex; readonly validator: number }[] = [];
  readonly #signal: AbortSignal;

  constructor(signatures: DomainSignatures, signal: AbortSignal) {
    this.#batch = signatures.batch();
    this.#signal = signal;
  }

  /** Takes them into the batch, in turns with everything else that this process does: each costs 3 ms. */
  async add<T extends { readonly signature: Uint8Array }>(
    nodes: readonly PedersenNode[],
    validator: number,
    bundles: ReadonlyMap<OperatorIndex, T>,
    digestOf: (bundle: T) => Uint8Array,
  ): Promise<void> {
    for (const [operator, bundle] of bundles) {
      this.#signers.push({ operator, validator });
      this.#batch.add(signedBy(nodes[operator] as PedersenNode, digestOf(bundle), bundle));
      await nextTurn();
      this.#signal.throwIfAborted();
    }
  }

  /** Verifies what was added. @throws CeremonyError `ceremony/lied` */
  check(): void {
    const [wrong] = this.#batch.wrong();
    const signer = wrong === undefined ? undefined : this.#signers[wrong];
    if (signer === undefined) return;
    const { operator, validator } = signer;
    throw lied(operator, `has not signed what it sent for validator ${validator} of the ceremony`);
  }
}
