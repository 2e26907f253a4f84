import type { UnixMs, ValidatorIndex } from "../spec/index.ts";
import type { ChainActivity } from "./activity.ts";
import { REFUSALS_KEPT } from "./limits.ts";

export interface Refusal {
  readonly at: UnixMs;
  /** "attestation", "block", "sync message", … */
  readonly what: string;
  readonly reason: string;
  readonly validator?: ValidatorIndex;
}

/** What was sent and not taken, with the reason: counted for ever, the newest kept. */
export class Refusals {
  readonly #byReason = new Map<string, number>();
  readonly #recent: Refusal[] = [];
  readonly #tell: (event: ChainActivity) => void;
  duplicates = 0;

  constructor(tell: (event: ChainActivity) => void) {
    this.#tell = tell;
  }

  add(refusal: Refusal): void {
    const name = `${refusal.what}: ${refusal.reason}`;
    this.#byReason.set(name, (this.#byReason.get(name) ?? 0) + 1);
    this.#recent.push(refusal);
    if (this.#recent.length > REFUSALS_KEPT) this.#recent.shift();
    const { what, reason, validator } = refusal;
    this.#tell({ kind: "refused", what, reason, ...(validator === undefined ? {} : { validator }) });
  }

  /** By "what: reason". Reasons are constant sentences, so there are few. */
  get byReason(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#byReason);
  }

  get recent(): readonly Refusal[] {
    return this.#recent;
  }
}
