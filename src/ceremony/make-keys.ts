import type { SecretKey } from "../crypto/index.ts";

/** What the rounds of key generation made of one validator. */
export interface MadeKey {
  /** 48 bytes. */
  readonly groupKey: Uint8Array;
  /** 48 bytes each, in operator order. */
  readonly publicShares: readonly Uint8Array[];
  /** This operator's. */
  readonly share: SecretKey;
}
