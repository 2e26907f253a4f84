/** A cluster definition, v1.0 to v1.11: what the operators agree to before keys exist. */
export interface Definition {
  readonly name: string;
  readonly uuid: string;
  readonly version: Version;
  /** RFC 3339; may be empty. */
  readonly timestamp: string;
  readonly numValidators: number;
  readonly threshold: number;
  readonly dkgAlgorithm: string;
  /** 4 bytes. */
  readonly forkVersion: Uint8Array;
  /** From v1.4. */
  readonly creator: { readonly address: string; readonly configSignature: Uint8Array };
  readonly operators: readonly DefinitionOperator[];
  /** Before v1.5 the same addresses for all. */
  readonly validators: readonly { readonly feeRecipient: string; readonly withdrawal: string }[];
  /** Gwei, from v1.8; undefined where the file says null. */
  readonly depositAmounts: readonly number[] | undefined;
  /** From v1.9. */
  readonly consensusProtocol: string;
  /** From v1.10. */
  readonly targetGasLimit: number;
  readonly compounding: boolean;
  readonly configHash: Uint8Array;
  readonly definitionHash: Uint8Array;
}

export interface DefinitionOperator {
  readonly address: string;
  readonly enr: string;
  readonly configSignature: Uint8Array;
  readonly enrSignature: Uint8Array;
}

export interface DepositData {
  readonly pubkey: Uint8Array;
  readonly withdrawalCredentials: Uint8Array;
  /** Gwei; the full 64 bits, since the hash covers whatever a file says. */
  readonly amount: bigint;
  readonly signature: Uint8Array;
}

export interface Registration {
  readonly feeRecipient: Uint8Array;
  readonly gasLimit: number;
  /** Unix seconds. */
  readonly timestamp: number;
  readonly pubkey: Uint8Array;
  readonly signature: Uint8Array;
}

export interface DistributedValidator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 48 bytes each, in operator order. */
  readonly publicShares: readonly Uint8Array[];
  /** From v1.6; before v1.8 one. */
  readonly deposits: readonly DepositData[];
  /** From v1.7. */
  readonly registration: Registration | undefined;
}

/** A cluster lock: the definition and what the ceremony or the split made. */
export interface Lock {
  readonly definition: Definition;
  readonly validators: readonly DistributedValidator[];
  readonly signatureAggregate: Uint8Array;
  readonly lockHash: Uint8Array;
  /** From v1.7. */
  readonly nodeSignatures: readonly Uint8Array[];
}

/** File versions that can be read and written. Released Charon nodes read nothing newer than v1.10.0. */
export const VERSIONS = [
  "v1.0.0",
  "v1.1.0",
  "v1.2.0",
  "v1.3.0",
  "v1.4.0",
  "v1.5.0",
  "v1.6.0",
  "v1.7.0",
  "v1.8.0",
  "v1.9.0",
  "v1.10.0",
  "v1.11.0",
] as const;
export type Version = (typeof VERSIONS)[number];

export function atLeast(version: Version, wanted: Version): boolean {
  return VERSIONS.indexOf(version) >= VERSIONS.indexOf(wanted);
}

export const OPERATORS_MAX = 256;
export const VALIDATORS_MAX = 65_536;
export const DEPOSIT_AMOUNTS_MAX = 256;
/** Of one key. */
export const WALLET_SIGNATURE_BYTES = 65;
/** Wallet signatures in one field, from v1.11. */
export const WALLET_SIGNATURES_MAX = 32;
/** Bytes of text that the hashes have room for. */
export const TEXT_BYTES_MAX = {
  uuid: 64,
  name: 256,
  version: 16,
  timestamp: 32,
  dkgAlgorithm: 32,
  consensusProtocol: 256,
  enr: 1024,
} as const;
