import { addr, signTyped } from "micro-eth-signer";
import { equalBytes, fromHex, type Hex, toHex } from "../base/index.ts";
import { configMessage, signedBy, type TypedMessage, typedData } from "./eip712.ts";
import { parseEnr } from "./enr.ts";
import { atLeast, type Definition, type DefinitionOperator } from "./model.ts";
import type { Network } from "./networks.ts";
import { badRequest } from "./new-definition.ts";
import { withHashes } from "./validators.ts";
import { badSignature, chainIdFor } from "./verify.ts";

/** Who signs a definition with a wallet: its creator, or the operator at a place. */
export type Signer = "creator" | number;

/** Something that a wallet is asked to sign. */
export interface SigningRequest {
  readonly what: "config" | "enr";
  /** Of the wallet. */
  readonly address: string;
  readonly message: TypedMessage;
  readonly chainId: number;
}

/** 65 bytes each; a creator has no ENR to sign. */
export interface WalletSignatures {
  readonly config: Uint8Array;
  readonly enr?: Uint8Array;
}

/** How it stands with one signer. */
export interface SignerState {
  readonly signer: Signer;
  /** Empty where the definition names none: then nobody needs to sign. */
  readonly address: string;
  readonly state: "signed" | "missing" | "wrong";
}

/**
 * The definition with an operator's node key in its place, signed by nobody there yet.
 *
 * @throws ClusterError `cluster/bad-request` - another node key was named there, or this one elsewhere.
 */
export function seatOperator(definition: Definition, index: number, enr: string): Definition {
  const key = toHex(parseEnr(enr).publicKey);
  const keyOf = (operator: DefinitionOperator): string =>
    operator.enr === "" ? "" : toHex(parseEnr(operator.enr).publicKey);
  const seat = operatorAt(definition, index);
  if (seat.enr !== "" && keyOf(seat) !== key)
    throw badRequest(
      "put this node key into the definition",
      { operator: index, nodeKey: key, named: keyOf(seat) },
      "The definition names another node key for this operator. Use that one's folder (--data-dir), or have the definition made anew.",
    );
  const elsewhere = definition.operators.findIndex((one, i) => i !== index && keyOf(one) === key);
  if (elsewhere >= 0)
    throw badRequest(
      "put this node key into the definition",
      { operator: index, nodeKey: key, isKeyOf: `operator ${elsewhere}` },
      "Each operator has a node key of its own: trireme create enr.",
    );
  return seat.enr === "" ? withOperator(definition, index, { ...seat, enr }) : definition;
}

/** What a wallet is to sign. @throws ClusterError `cluster/bad-request` - the definition asks nobody for this signature. */
export function signingRequests(
  definition: Definition,
  signer: Signer,
  custom?: Network,
): readonly SigningRequest[] {
  const chainId = chainIdFor(definition, custom);
  const address = addressOf(definition, signer);
  if (address === "")
    throw badRequest(
      "sign the cluster definition",
      { signer: nameOf(signer) },
      "The definition names no wallet address there, so no signature is wanted. `trireme dkg` takes it as it is.",
    );
  const config: SigningRequest = {
    what: "config",
    address,
    chainId,
    message: configMessage(definition, signer === "creator" ? "creator" : "operator"),
  };
  if (signer === "creator") return [config];
  const { enr } = operatorAt(definition, signer);
  return [config, { what: "enr", address, chainId, message: { type: "ENR", enr } }];
}

/**
 * The definition with a wallet's signatures in place.
 *
 * @throws ClusterError `cluster/bad-signature` - a signature is not the wallet's over what `signingRequests` gave.
 */
export function signDefinition(
  definition: Definition,
  signer: Signer,
  signatures: WalletSignatures,
  custom?: Network,
): Definition {
  for (const { what, address, message, chainId } of signingRequests(definition, signer, custom)) {
    const signature = (what === "config" ? signatures.config : signatures.enr) ?? new Uint8Array(0);
    if (!signedBy(address, message, chainId, signature))
      throw badSignature(`${nameOf(signer)} (${address})`, what === "config" ? "config_hash" : "its ENR");
  }
  const { config, enr = new Uint8Array(0) } = signatures;
  if (signer === "creator")
    return withHashes({ ...definition, creator: { ...definition.creator, configSignature: config } });
  const operator = operatorAt(definition, signer);
  return withOperator(definition, signer, { ...operator, configSignature: config, enrSignature: enr });
}

/** Signs with a wallet key of 32 bytes that is at hand; for tests, and for wallets that are only a file. */
export function signWithKey(requests: readonly SigningRequest[], walletKey: Uint8Array): WalletSignatures {
  const key: Hex = toHex(walletKey);
  const found = addr.fromPrivateKey(key);
  const other = requests.find(({ address }) => address.toLowerCase() !== found.toLowerCase());
  if (other !== undefined)
    throw badRequest(
      "sign with the wallet key",
      { wallet: found, wanted: other.address },
      "The key is of another wallet than the one that the definition names.",
    );
  const [config = new Uint8Array(0), enr] = requests.map(({ message, chainId }) =>
    fromHex(signTyped(typedData(message, chainId) as never, key)),
  );
  return enr === undefined ? { config } : { config, enr };
}

/** How it stands with each signer of a definition: the creator, then the operators. */
export function signersOf(definition: Definition, custom?: Network): readonly SignerState[] {
  const signers: Signer[] = [
    ...(atLeast(definition.version, "v1.4.0") ? (["creator"] as const) : []),
    ...definition.operators.keys(),
  ];
  return signers.map((signer) => ({
    signer,
    address: addressOf(definition, signer),
    state: stateOf(definition, signer, custom),
  }));
}

/** Those of a definition's signers who have not signed yet. */
export function missingSigners(definition: Definition, custom?: Network): readonly Signer[] {
  return signersOf(definition, custom)
    .filter(({ address, state }) => address !== "" && state === "missing")
    .map(({ signer }) => signer);
}

function stateOf(definition: Definition, signer: Signer, custom: Network | undefined): SignerState["state"] {
  const { configSignature, enrSignature } = signaturesAt(definition, signer);
  if (configSignature.length === 0 && enrSignature.length === 0) return "missing";
  if (addressOf(definition, signer) === "") return "wrong";
  const isRight = signingRequests(definition, signer, custom).every(({ what, address, message, chainId }) =>
    signedBy(address, message, chainId, what === "config" ? configSignature : enrSignature),
  );
  return isRight ? "signed" : "wrong";
}

/**
 * One definition of the signatures in several copies of it, each signed by somebody else.
 *
 * @throws ClusterError `cluster/bad-request` - they are not of the same cluster, or two say different things of an operator;
 *   `cluster/bad-signature`
 */
export function mergeDefinitions(definitions: readonly Definition[], custom?: Network): Definition {
  const [first, ...rest] = definitions;
  if (first === undefined)
    throw badRequest("merge cluster definitions", { files: 0 }, "Name the signed files.");
  for (const [i, other] of rest.entries())
    if (!equalBytes(withHashes(other).configHash, withHashes(first).configHash))
      throw badRequest(
        "merge cluster definitions",
        { file: i + 1, configHash: toHex(other.configHash), first: toHex(first.configHash) },
        "The files (counted from 0) are not copies of one definition; leave out the one of another cluster.",
      );
  const creators = definitions.map(({ creator }) => creator);
  const merged = withHashes({
    ...first,
    creator: creators.find(({ configSignature }) => configSignature.length > 0) ?? first.creator,
    operators: first.operators.map((_, i) => mergeOperator(definitions, i)),
  });
  for (const { signer, address, state } of signersOf(merged, custom))
    if (state === "wrong") throw badSignature(`${nameOf(signer)} (${address})`, "the definition");
  return merged;
}

function mergeOperator(definitions: readonly Definition[], index: number): DefinitionOperator {
  const given = definitions.map((definition) => operatorAt(definition, index));
  const enrs = new Set(given.map(({ enr }) => enr).filter((enr) => enr !== ""));
  if (enrs.size > 1)
    throw badRequest(
      "merge cluster definitions",
      { operator: index, enrs: [...enrs].join(" and ") },
      "Two files name different node keys for this operator. Ask the operator which is right, and leave out the other file.",
    );
  const signed = given.find(({ configSignature }) => configSignature.length > 0);
  const named = given.find(({ enr }) => enr !== "");
  return signed ?? named ?? operatorAt(definitions[0] as Definition, index);
}

export const nameOf = (signer: Signer): string => (signer === "creator" ? "creator" : `operator ${signer}`);

function operatorAt(definition: Definition, index: number): DefinitionOperator {
  const operator = definition.operators[index];
  if (operator !== undefined) return operator;
  throw badRequest(
    "find the operator in the definition",
    { operator: index, operators: definition.operators.length },
    "Operators are counted from 0.",
  );
}

function withOperator(definition: Definition, index: number, operator: DefinitionOperator): Definition {
  return withHashes({ ...definition, operators: definition.operators.with(index, operator) });
}

const addressOf = (definition: Definition, signer: Signer): string =>
  signer === "creator" ? definition.creator.address : operatorAt(definition, signer).address;

function signaturesAt(
  definition: Definition,
  signer: Signer,
): { readonly configSignature: Uint8Array; readonly enrSignature: Uint8Array } {
  return signer === "creator"
    ? { configSignature: definition.creator.configSignature, enrSignature: new Uint8Array(0) }
    : operatorAt(definition, signer);
}
