import { type Hex, toHex } from "../base/index.ts";
import { badRequest } from "../http/index.ts";
import { type GroupKey, type OperatorIndex, shareIndexOf } from "../spec/index.ts";

/** A validator of the cluster, as the lock has it. */
export interface ApiValidator {
  readonly groupKey: GroupKey;
  /** 48 bytes each, in operator order. */
  readonly publicShares: readonly Uint8Array[];
  /** Where its rewards go by the lock; 0x and 40 digits. */
  readonly feeRecipient: Hex;
}

/**
 * The two names of each validator: to the chain it is the group key, to this node's validator client the public share
 * of its key. Keys are 0x and 96 lower-case digits.
 */
export class KeyBook {
  readonly self: OperatorIndex;
  readonly groupKeys: readonly GroupKey[];
  readonly #shareOf = new Map<string, Hex>();
  readonly #groupOf = new Map<string, GroupKey>();
  readonly #ownerOf = new Map<string, OperatorIndex>();

  constructor(validators: readonly ApiValidator[], self: OperatorIndex) {
    this.self = self;
    this.groupKeys = validators.map(({ groupKey }) => groupKey);
    for (const { groupKey, publicShares } of validators) {
      for (const [operator, bytes] of publicShares.entries()) {
        const share = toHex(bytes);
        this.#ownerOf.set(share, operator as OperatorIndex);
        if (operator !== self) continue;
        this.#shareOf.set(groupKey, share);
        this.#groupOf.set(share, groupKey);
      }
    }
  }

  /** The name by which our validator client knows a validator; a key that is none of ours stays as it is. */
  toClient(key: string): string {
    return this.#shareOf.get(key.toLowerCase()) ?? key;
  }

  /**
   * The name by which the chain knows a validator; a key that is none of the cluster's stays as it is.
   *
   * @throws RequestRefused 400 for a public share of another operator: the client has somebody else's keystores.
   */
  toChain(key: string): string {
    const lower = key.toLowerCase();
    const groupKey = this.#groupOf.get(lower);
    if (groupKey !== undefined) return groupKey;
    const owner = this.#ownerOf.get(lower);
    if (owner !== undefined)
      throw badRequest(
        `key ${short(lower)} is share ${shareIndexOf(owner)}, of operator ${owner}, and this node is operator ${this.self} (share ${shareIndexOf(this.self)}): give the validator client the keystores of this node's folder`,
      );
    return lower;
  }

  /** Whether the key names a validator of this cluster, by either of its names. */
  isOurs(key: string): boolean {
    const lower = key.toLowerCase();
    return this.#groupOf.has(lower) || this.#shareOf.has(lower);
  }
}

export const isKey = (text: string): boolean => /^0x[0-9a-fA-F]{96}$/.test(text);
export const short = (key: string): string => `${key.slice(0, 10)}…`;
