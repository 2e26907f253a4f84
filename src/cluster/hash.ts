import { fromHex } from "../base/index.ts";
import {
  atLeast,
  DEPOSIT_AMOUNTS_MAX,
  type Definition,
  type DepositData,
  type DistributedValidator,
  type Lock,
  OPERATORS_MAX,
  type Registration,
  TEXT_BYTES_MAX,
  VALIDATORS_MAX,
} from "./model.ts";
import {
  bool,
  bytes,
  type Chunk,
  container,
  fixedBytes,
  list,
  signatureList,
  textList,
  uint64,
  uint64List,
} from "./ssz.ts";

const address = (text: string): readonly Chunk[] => fixedBytes(fromHex(text), 20);

/** A secp256k1 signature, which since v1.11 may be several. */
function walletSignature(definition: Definition, signature: Uint8Array): readonly Chunk[] {
  return atLeast(definition.version, "v1.11.0") ? signatureList(signature) : fixedBytes(signature, 65);
}

/** The fields of a definition; the config hash leaves out what is not yet known when it is made (ENRs, signatures). */
function definitionRoot(definition: Definition, part: "config" | "all"): Uint8Array {
  const all = part === "all";
  const operators = definition.operators.map((operator) =>
    container([
      address(operator.address),
      ...(all
        ? [
            textList(operator.enr, TEXT_BYTES_MAX.enr),
            walletSignature(definition, operator.configSignature),
            walletSignature(definition, operator.enrSignature),
          ]
        : []),
    ]),
  );
  const creator = container([
    address(definition.creator.address),
    ...(all ? [walletSignature(definition, definition.creator.configSignature)] : []),
  ]);
  const validators = definition.validators.map((validator) =>
    container([address(validator.feeRecipient), address(validator.withdrawal)]),
  );
  const root = container([
    textList(definition.uuid, TEXT_BYTES_MAX.uuid),
    textList(definition.name, TEXT_BYTES_MAX.name),
    textList(definition.version, TEXT_BYTES_MAX.version),
    textList(definition.timestamp, TEXT_BYTES_MAX.timestamp),
    uint64(definition.numValidators),
    uint64(definition.threshold),
    textList(definition.dkgAlgorithm, TEXT_BYTES_MAX.dkgAlgorithm),
    fixedBytes(definition.forkVersion, 4),
    list(operators, OPERATORS_MAX),
    creator,
    list(validators, VALIDATORS_MAX),
    uint64List(definition.depositAmounts ?? [], DEPOSIT_AMOUNTS_MAX),
    ...(atLeast(definition.version, "v1.9.0")
      ? [textList(definition.consensusProtocol, TEXT_BYTES_MAX.consensusProtocol)]
      : []),
    ...(atLeast(definition.version, "v1.10.0")
      ? [uint64(definition.targetGasLimit), bool(definition.compounding)]
      : []),
    ...(all
      ? [
          atLeast(definition.version, "v1.11.0")
            ? bytes(definition.configHash)
            : fixedBytes(definition.configHash, 32),
        ]
      : []),
  ]);
  return root[0] as Uint8Array;
}

/** What operators and creator sign: everything that is agreed before anybody has a key. */
export function configHash(definition: Definition): Uint8Array {
  return definitionRoot(definition, "config");
}

/** The definition with all signatures; uses its stored config hash. */
export function definitionHash(definition: Definition): Uint8Array {
  return definitionRoot(definition, "all");
}

function depositRoot(deposit: DepositData): readonly Chunk[] {
  return container([
    fixedBytes(deposit.pubkey, 48),
    fixedBytes(deposit.withdrawalCredentials, 32),
    uint64(deposit.amount),
    fixedBytes(deposit.signature, 96),
  ]);
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

function validatorRoot(validator: DistributedValidator): readonly Chunk[] {
  return container([
    fixedBytes(validator.publicKey, 48),
    list(
      validator.publicShares.map((share) => fixedBytes(share, 48)),
      OPERATORS_MAX,
    ),
    list(validator.deposits.map(depositRoot), DEPOSIT_AMOUNTS_MAX),
    registrationRoot(validator.registration),
  ]);
}

/** The cluster's identity: definition and validators, without the signatures over it. */
export function lockHash(lock: Pick<Lock, "definition" | "validators">): Uint8Array {
  const root = container([
    [definitionHash(lock.definition)],
    list(lock.validators.map(validatorRoot), VALIDATORS_MAX),
  ]);
  return root[0] as Uint8Array;
}
