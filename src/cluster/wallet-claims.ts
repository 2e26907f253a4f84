import { type DvError, toHex } from "../base/index.ts";
import { configMessage, signedBy, type TypedMessage, typedDataHash } from "./eip712.ts";
import { badSignature } from "./errors.ts";
import { atLeast, type Definition, type DefinitionOperator, WALLET_SIGNATURE_BYTES } from "./model.ts";
import { chainIdFor, chainIdOf, type Network } from "./networks.ts";
import { badRequest } from "./new-definition.ts";

/** Who signs a definition with a wallet: its creator, or the operator at a place. */
export type Signer = "creator" | number;

/** What a definition says that a wallet has signed. */
export interface WalletClaim {
  readonly signer: Signer;
  readonly what: "config" | "enr";
  /** Empty where the definition names no wallet. */
  readonly address: string;
  readonly chainId: number;
  readonly message: TypedMessage;
  /** Empty where nobody has signed yet. */
  readonly signature: Uint8Array;
}

/** What only the contract at an address can say: whether it takes a signature for its own (ERC-1271). */
export interface ContractQuestion {
  readonly address: string;
  readonly chainId: number;
  /** 32 bytes. */
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

export type ContractAnswer =
  | { readonly accepts: true }
  | { readonly accepts: false; readonly why: string }
  /** Nobody could be asked. */
  | { readonly accepts: undefined; readonly failure: DvError };

/** What contracts said, by `questionKey`; empty where nobody asked them, and then no contract's signature is right. */
export type ContractAnswers = ReadonlyMap<string, ContractAnswer>;

/** Nobody was asked. */
export const noAnswers: ContractAnswers = new Map();

export const questionKey = ({ address, chainId, digest, signature }: ContractQuestion): string =>
  [address.toLowerCase(), chainId, toHex(digest), toHex(signature)].join(" ");

export const nameOf = (signer: Signer): string => (signer === "creator" ? "creator" : `operator ${signer}`);

/** Everybody whom a definition has a place for: the creator since v1.4, then the operators. */
export function allSigners({ version, operators }: Definition): readonly Signer[] {
  return [...(atLeast(version, "v1.4.0") ? (["creator"] as const) : []), ...operators.keys()];
}

/** @throws ClusterError `cluster/bad-request` - there is no such operator */
export function operatorAt(definition: Definition, index: number): DefinitionOperator {
  const operator = definition.operators[index];
  if (operator !== undefined) return operator;
  throw badRequest(
    "find the operator in the definition",
    { operator: index, operators: definition.operators.length },
    "Operators are counted from 0.",
  );
}

/**
 * What a signer is to sign, with the signature that is there: the configuration, and an operator also its ENR.
 *
 * @throws ClusterError `cluster/malformed` - the network is not known
 */
export function walletClaims(
  definition: Definition,
  signer: Signer,
  custom?: Network,
): readonly WalletClaim[] {
  const chainId = chainIdFor(definition, custom);
  if (signer === "creator") {
    const { address, configSignature } = definition.creator;
    const message = configMessage(definition, "creator");
    return [{ signer, what: "config", address, chainId, message, signature: configSignature }];
  }
  const { address, enr, configSignature, enrSignature } = operatorAt(definition, signer);
  const message = configMessage(definition, "operator");
  return [
    { signer, what: "config", address, chainId, message, signature: configSignature },
    { signer, what: "enr", address, chainId, message: { type: "ENR", enr }, signature: enrSignature },
  ];
}

/**
 * What contracts are to be asked before a definition can be verified: whatever no private key has signed. None where all
 * wallets are keys, which needs no execution client.
 */
export function contractQuestions(
  definition: Definition,
  custom?: Network,
  signers: readonly Signer[] = allSigners(definition),
): readonly ContractQuestion[] {
  if (!atLeast(definition.version, "v1.3.0") || chainIdOf(definition.forkVersion, custom) === undefined)
    return []; // Verification says what is wrong with such a definition.
  return signers
    .flatMap((signer) => walletClaims(definition, signer, custom))
    .filter((claim) => isForContract(definition, claim))
    .map(questionOf);
}

/** @throws ClusterError `cluster/bad-signature` - neither the wallet's key nor a contract at its address signed it */
export function checkClaim(claim: WalletClaim, answers: ContractAnswers): void {
  if (isSigned(claim)) return;
  const answer = answers.get(questionKey(questionOf(claim)));
  if (answer?.accepts === true) return;
  const { signer, what, address } = claim;
  const whose = signer === "creator" ? `creator ${address}` : `${nameOf(signer)} (${address})`;
  throw badSignature(whose, what === "config" ? "config_hash" : "its ENR", reason(answer));
}

function reason(
  answer: Exclude<ContractAnswer, { accepts: true }> | undefined,
): Parameters<typeof badSignature>[2] {
  if (answer === undefined)
    return {
      hint: "Get the original file from another operator, or, if the wallet is a contract (a Safe, say), name an execution client to ask with --execution-client-rpc-endpoint",
    };
  return answer.accepts === false ? { facts: { contract: answer.why } } : { cause: answer.failure };
}

const isSigned = ({ address, message, chainId, signature }: WalletClaim): boolean =>
  signedBy(address, message, chainId, signature);

/** Charon takes one signature of 65 bytes before v1.11, and then several one after the other, as a Safe has them. */
function isForContract({ version }: Definition, claim: WalletClaim): boolean {
  const { address, signature } = claim;
  const fits = atLeast(version, "v1.11.0")
    ? signature.length % WALLET_SIGNATURE_BYTES === 0
    : signature.length === WALLET_SIGNATURE_BYTES;
  return address !== "" && signature.length > 0 && fits && !isSigned(claim);
}

const questionOf = ({ address, chainId, message, signature }: WalletClaim): ContractQuestion => ({
  address,
  chainId,
  digest: typedDataHash(message, chainId),
  signature,
});
