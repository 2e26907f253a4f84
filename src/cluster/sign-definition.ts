import { addr, signTyped } from "micro-eth-signer";
import { equalBytes, fromHex, type Hex, toHex } from "../base/index.ts";
import { typedData } from "./eip712.ts";
import { parseEnr } from "./enr.ts";
import type { Definition, DefinitionOperator } from "./model.ts";
import type { Network } from "./networks.ts";
import { badRequest } from "./new-definition.ts";
import { withHashes } from "./validators.ts";
import {
  allSigners,
  nameOf,
  operatorAt,
  type Signer,
  type WalletClaim,
  walletClaims,
} from "./wallet-claims.ts";

/** Something that a wallet is asked to sign. */
export type SigningRequest = Omit<WalletClaim, "signature">;

/** 65 bytes each, or what a contract takes; a creator has no ENR to sign. */
export interface WalletSignatures {
  readonly config: Uint8Array;
  readonly enr?: Uint8Array;
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
  const claims = walletClaims(definition, signer, custom);
  if (claims.some(({ address }) => address === ""))
    throw badRequest(
      "sign the cluster definition",
      { signer: nameOf(signer) },
      "The definition names no wallet address there, so no signature is wanted. `trireme dkg` takes it as it is.",
    );
  return claims;
}

/** The definition with a wallet's signatures in place, which nobody has verified yet. */
export function withSignatures(
  definition: Definition,
  signer: Signer,
  { config, enr = new Uint8Array(0) }: WalletSignatures,
): Definition {
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

/** Those of a definition's signers who have signed, rightly or not. */
export const presentSigners = (definition: Definition): readonly Signer[] =>
  allSigners(definition).filter((signer) => hasSigned(definition, signer));

/** Those of a definition's signers who have a wallet and have not signed yet. */
export const missingSigners = (definition: Definition): readonly Signer[] =>
  allSigners(definition).filter(
    (signer) => partyAt(definition, signer).address !== "" && !hasSigned(definition, signer),
  );

function hasSigned(definition: Definition, signer: Signer): boolean {
  const party = partyAt(definition, signer);
  return party.configSignature.length > 0 || ("enrSignature" in party && party.enrSignature.length > 0);
}

const partyAt = (definition: Definition, signer: Signer): Definition["creator"] | DefinitionOperator =>
  signer === "creator" ? definition.creator : operatorAt(definition, signer);

/**
 * One definition of the signatures in several copies of it, each signed by somebody else; nobody has verified them yet.
 *
 * @throws ClusterError `cluster/bad-request` - they are not of the same cluster, or two say different things of an operator
 */
export function mergeDefinitions(definitions: readonly Definition[]): Definition {
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
  return withHashes({
    ...first,
    creator: creators.find(({ configSignature }) => configSignature.length > 0) ?? first.creator,
    operators: first.operators.map((_, i) => mergeOperator(definitions, i)),
  });
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

function withOperator(definition: Definition, index: number, operator: DefinitionOperator): Definition {
  return withHashes({ ...definition, operators: definition.operators.with(index, operator) });
}
