import { fromHex } from "../base/index.ts";
import {
  checkDepositAmounts,
  defaultDepositAmounts,
  depositSigningRoot,
  GWEI_PER_ETH,
  registrationSigningRoot,
  withdrawalCredentials,
} from "./deposit.ts";
import { configHash, definitionHash } from "./hash.ts";
import {
  atLeast,
  type Definition,
  type DepositData,
  type DistributedValidator,
  type Lock,
  type Registration,
} from "./model.ts";

// What is signed when the keys exist, and how the results become a lock. A dealer (`create cluster`) signs with whole keys,
// a ceremony with shares; both sign these roots and put the signatures in here.

export type DepositMessage = Omit<DepositData, "signature">;
export type RegistrationMessage = Omit<Registration, "signature">;

/** What the group keys sign, by validator: message and root at the same place. */
export interface ToSign<Message> {
  readonly messages: readonly Message[];
  /** 32 bytes each. */
  readonly roots: readonly Uint8Array[];
}

/** A validator's key, as a ceremony or a split made it. */
export interface ValidatorKeys {
  /** 48 bytes. */
  readonly groupKey: Uint8Array;
  /** 48 bytes each, in operator order. */
  readonly publicShares: readonly Uint8Array[];
}

/** Group signatures, 96 bytes each, over what `depositsToSign` and `registrationsToSign` gave. */
export interface GroupSignatures {
  /** By amount, then by validator. */
  readonly deposits: readonly (readonly Uint8Array[])[];
  /** By validator. */
  readonly registrations: readonly Uint8Array[];
}

/** The gas limit of registrations where the definition names none. */
const DEFAULT_GAS_LIMIT = 30_000_000;

/** The deposit amounts of a definition in Gwei, each once, ascending. Before v1.8 a lock has room for one of 32 ETH. */
export function depositAmountsOf(definition: Definition): readonly number[] {
  if (!atLeast(definition.version, "v1.8.0")) return [32 * GWEI_PER_ETH];
  const { depositAmounts, compounding } = definition;
  if (depositAmounts === undefined || depositAmounts.length === 0) return defaultDepositAmounts(compounding);
  return checkDepositAmounts(depositAmounts, compounding);
}

/** Deposits that the group keys sign, by amount, ascending. @throws ClusterError `cluster/bad-request` */
export function depositsToSign(
  definition: Definition,
  groupKeys: readonly Uint8Array[],
): readonly ToSign<DepositMessage>[] {
  return depositAmountsOf(definition).map((amount) => {
    const messages = groupKeys.map((pubkey, i) => ({
      pubkey,
      withdrawalCredentials: withdrawalCredentials(
        settingsOf(definition, i).withdrawal,
        definition.compounding,
      ),
      amount: BigInt(amount),
    }));
    return {
      messages,
      roots: messages.map((message) => depositSigningRoot(message, definition.forkVersion)),
    };
  });
}

/**
 * Builder registrations that the group keys sign.
 *
 * @param timestamp - Unix seconds: in a ceremony the network's genesis, so that it is the same for everybody.
 */
export function registrationsToSign(
  definition: Definition,
  groupKeys: readonly Uint8Array[],
  timestamp: number,
): ToSign<RegistrationMessage> {
  const messages = groupKeys.map((pubkey, i) => ({
    feeRecipient: fromHex(settingsOf(definition, i).feeRecipient, 20),
    gasLimit: definition.targetGasLimit === 0 ? DEFAULT_GAS_LIMIT : definition.targetGasLimit,
    timestamp,
    pubkey,
  }));
  return {
    messages,
    roots: messages.map((message) => registrationSigningRoot(message, definition.forkVersion)),
  };
}

/** Validators as the lock has them, with the group signatures put in. */
export function makeValidators(
  definition: Definition,
  keys: readonly ValidatorKeys[],
  signed: GroupSignatures & { readonly registrationTime: number },
): readonly DistributedValidator[] {
  const groupKeys = keys.map(({ groupKey }) => groupKey);
  const deposits = depositsToSign(definition, groupKeys);
  const registrations = registrationsToSign(definition, groupKeys, signed.registrationTime);
  return keys.map(({ groupKey, publicShares }, i) => ({
    publicKey: groupKey,
    publicShares,
    deposits: atLeast(definition.version, "v1.6.0")
      ? deposits.map(({ messages }, amount) => ({
          ...(messages[i] as DepositMessage),
          signature: signed.deposits[amount]?.[i] as Uint8Array,
        }))
      : [],
    registration: atLeast(definition.version, "v1.7.0")
      ? {
          ...(registrations.messages[i] as RegistrationMessage),
          signature: signed.registrations[i] as Uint8Array,
        }
      : undefined,
  }));
}

/**
 * The lock. Its hash is what every key share signs (BLS; the sum of all those signatures of all validators
 * is the aggregate) and what every node key signs (secp256k1, in operator order).
 */
export function makeLock(made: Lock): Lock {
  return atLeast(made.definition.version, "v1.7.0") ? made : { ...made, nodeSignatures: [] };
}

/** The definition with its hashes computed anew. */
export function withHashes(definition: Definition): Definition {
  const hashed = { ...definition, configHash: configHash(definition) };
  return { ...hashed, definitionHash: definitionHash(hashed) };
}

function settingsOf(definition: Definition, validator: number): Definition["validators"][number] {
  return definition.validators[validator] as Definition["validators"][number];
}
