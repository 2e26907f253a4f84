import { fromHex } from "../base/index.ts";
import { fieldsBeforeV3 } from "./hash-before-v3.ts";
import {
  atLeast,
  DEPOSIT_AMOUNTS_MAX,
  type Definition,
  OPERATORS_MAX,
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

/** The config hash leaves out what is not known yet when it is signed: ENRs and signatures. */
export type HashedPart = "config" | "all";

/** What operators and creator sign: everything that is agreed before anybody has a key. */
export function configHash(definition: Definition): Uint8Array {
  return definitionRoot(definition, "config");
}

/** The definition with all signatures; uses its stored config hash. */
export function definitionHash(definition: Definition): Uint8Array {
  return definitionRoot(definition, "all");
}

function definitionRoot(definition: Definition, part: HashedPart): Uint8Array {
  const { version } = definition;
  const fields = !atLeast(version, "v1.3.0")
    ? fieldsBeforeV3(definition, part)
    : atLeast(version, "v1.5.0")
      ? fieldsSinceV5(definition, part)
      : fieldsOfV3And4(definition, part);
  return container(fields)[0] as Uint8Array;
}

/** Name and kind of a cluster, hashed alike since v1.3. */
function head(definition: Definition): readonly (readonly Chunk[])[] {
  return [
    textList(definition.uuid, TEXT_BYTES_MAX.uuid),
    textList(definition.name, TEXT_BYTES_MAX.name),
    textList(definition.version, TEXT_BYTES_MAX.version),
    textList(definition.timestamp, TEXT_BYTES_MAX.timestamp),
    uint64(definition.numValidators),
    uint64(definition.threshold),
  ];
}

/** One pair of addresses for all validators; what is empty has no place at all. */
function fieldsOfV3And4(definition: Definition, part: HashedPart): readonly (readonly Chunk[])[] {
  const all = part === "all";
  const { creator, operators, version } = definition;
  const [settings] = definition.validators;
  const rawAddress = (text: string): readonly Chunk[] => bytes(fromHex(text));
  return [
    ...head(definition),
    rawAddress(settings?.feeRecipient ?? ""),
    rawAddress(settings?.withdrawal ?? ""),
    textList(definition.dkgAlgorithm, TEXT_BYTES_MAX.dkgAlgorithm),
    bytes(definition.forkVersion),
    list(
      operators.map(({ address, enr, configSignature, enrSignature }) =>
        container([
          rawAddress(address),
          ...(all ? [textList(enr, TEXT_BYTES_MAX.enr), bytes(configSignature), bytes(enrSignature)] : []),
        ]),
      ),
      OPERATORS_MAX,
    ),
    ...(version === "v1.4.0"
      ? [container([rawAddress(creator.address), ...(all ? [bytes(creator.configSignature)] : [])])]
      : []),
    ...(all ? [bytes(definition.configHash)] : []),
  ];
}

const fixedAddress = (text: string): readonly Chunk[] => fixedBytes(fromHex(text), 20);

/** A secp256k1 signature, which since v1.11 may be several. */
function walletSignature(definition: Definition, signature: Uint8Array): readonly Chunk[] {
  return atLeast(definition.version, "v1.11.0") ? signatureList(signature) : fixedBytes(signature, 65);
}

function fieldsSinceV5(definition: Definition, part: HashedPart): readonly (readonly Chunk[])[] {
  const all = part === "all";
  const { creator, version } = definition;
  const operators = definition.operators.map(({ address, enr, configSignature, enrSignature }) =>
    container([
      fixedAddress(address),
      ...(all
        ? [
            textList(enr, TEXT_BYTES_MAX.enr),
            walletSignature(definition, configSignature),
            walletSignature(definition, enrSignature),
          ]
        : []),
    ]),
  );
  const validators = definition.validators.map(({ feeRecipient, withdrawal }) =>
    container([fixedAddress(feeRecipient), fixedAddress(withdrawal)]),
  );
  return [
    ...head(definition),
    textList(definition.dkgAlgorithm, TEXT_BYTES_MAX.dkgAlgorithm),
    fixedBytes(definition.forkVersion, 4),
    list(operators, OPERATORS_MAX),
    container([
      fixedAddress(creator.address),
      ...(all ? [walletSignature(definition, creator.configSignature)] : []),
    ]),
    list(validators, VALIDATORS_MAX),
    ...(atLeast(version, "v1.8.0") ? [uint64List(definition.depositAmounts ?? [], DEPOSIT_AMOUNTS_MAX)] : []),
    ...(atLeast(version, "v1.9.0")
      ? [textList(definition.consensusProtocol, TEXT_BYTES_MAX.consensusProtocol)]
      : []),
    ...(atLeast(version, "v1.10.0") ? [uint64(definition.targetGasLimit), bool(definition.compounding)] : []),
    ...(all
      ? [atLeast(version, "v1.11.0") ? bytes(definition.configHash) : fixedBytes(definition.configHash, 32)]
      : []),
  ];
}
