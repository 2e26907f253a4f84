import { present, toHex } from "../base/index.ts";
import { definitionHash } from "./hash.ts";
import {
  atLeast,
  DEPOSIT_AMOUNTS_MAX,
  type DepositData,
  type DistributedValidator,
  type Lock,
  OPERATORS_MAX,
  type Registration,
  VALIDATORS_MAX,
  type Version,
} from "./model.ts";
import { bytes, type Chunk, container, fixedBytes, list, uint64 } from "./ssz.ts";

/** The cluster's identity: definition and validators, without the signatures over it. */
export function lockHash(lock: Pick<Lock, "definition" | "validators">): Uint8Array {
  const { definition, validators } = lock;
  const { version } = definition;
  const limit = atLeast(version, "v1.3.0") ? VALIDATORS_MAX : validators.length;
  const root = container([
    [definitionHash(definition)],
    list(
      validators.map((validator) => validatorRoot(validator, version)),
      limit,
    ),
  ]);
  return root[0] as Uint8Array;
}

function validatorRoot(validator: DistributedValidator, version: Version): readonly Chunk[] {
  const { publicKey, publicShares, deposits, registration } = validator;
  if (!atLeast(version, "v1.3.0")) {
    const key = bytes(new TextEncoder().encode(toHex(publicKey)));
    return container([key, list(publicShares.map(bytes), publicShares.length)]);
  }
  const shares = publicShares.map((share) => fixedBytes(share, 48));
  return container([
    fixedBytes(publicKey, 48),
    list(shares, OPERATORS_MAX),
    ...depositRoots(deposits, version),
    ...(atLeast(version, "v1.7.0")
      ? [registrationRoot(present(registration, "a registration since v1.7"))]
      : []),
  ]);
}

/** A list since v1.8; before that one, whose fields v1.6 put side by side with the validator's own. */
function depositRoots(deposits: readonly DepositData[], version: Version): readonly (readonly Chunk[])[] {
  if (!atLeast(version, "v1.6.0")) return [];
  if (atLeast(version, "v1.8.0"))
    return [
      list(
        deposits.map((deposit) => container(depositFields(deposit))),
        DEPOSIT_AMOUNTS_MAX,
      ),
    ];
  const fields = depositFields(present(deposits[0], "a deposit since v1.6"));
  return version === "v1.6.0" ? fields : [container(fields)];
}

function depositFields(deposit: DepositData): readonly (readonly Chunk[])[] {
  return [
    fixedBytes(deposit.pubkey, 48),
    fixedBytes(deposit.withdrawalCredentials, 32),
    uint64(deposit.amount),
    fixedBytes(deposit.signature, 96),
  ];
}

function registrationRoot(registration: Registration): readonly Chunk[] {
  const message = container([
    bytes(registration.feeRecipient),
    uint64(registration.gasLimit),
    uint64(registration.timestamp),
    fixedBytes(registration.pubkey, 48),
  ]);
  return container([message, fixedBytes(registration.signature, 96)]);
}
