import type { Hex } from "../base/index.ts";
import type { GroupKey, OperatorIndex, ShareIndex } from "../spec/index.ts";

/** A cluster as the running node needs it, taken from a verified cluster lock of any version. */
export interface Cluster {
  readonly name: string;
  readonly uuid: string;
  /** 32 bytes. */
  readonly lockHash: Uint8Array;
  /** 4 bytes; names the network. */
  readonly forkVersion: Uint8Array;
  /** Partial signatures that make a group signature. */
  readonly threshold: number;
  /** In lock order: operators[i].index === i. */
  readonly operators: readonly Operator[];
  readonly validators: readonly ClusterValidator[];
}

export interface Operator {
  readonly index: OperatorIndex;
  readonly share: ShareIndex;
  readonly enr: string;
  /** secp256k1, 33 bytes compressed. */
  readonly publicKey: Uint8Array;
  /** Ethereum address; empty where the lock has none. */
  readonly address: string;
}

export interface ClusterValidator {
  readonly groupKey: GroupKey;
  /** 48 bytes each, in operator order. */
  readonly publicShares: readonly Uint8Array[];
  readonly feeRecipient: Hex;
  readonly withdrawalAddress: Hex;
  readonly builderRegistration?: {
    readonly feeRecipient: Hex;
    readonly gasLimit: number;
    /** Unix seconds. */
    readonly timestamp: number;
    readonly signature: Uint8Array;
  };
}
