import { randomUUID } from "node:crypto";
import { toHex } from "../base/index.ts";
import { keccak256 } from "../crypto/index.ts";
import { checkDepositAmounts } from "./deposit.ts";
import { parseEnr } from "./enr.ts";
import { ClusterError } from "./errors.ts";
import { atLeast, type Definition, TEXT_BYTES_MAX, VALIDATORS_MAX, type Version } from "./model.ts";
import { networkByForkVersion } from "./networks.ts";
import { withHashes } from "./validators.ts";

/** What somebody wants a cluster to be, as typed; `newDefinition` checks it. */
export interface DefinitionRequest {
  readonly name: string;
  readonly version: Version;
  /** An ENR, or the Ethereum address of somebody who gives an ENR when signing. */
  readonly operators: readonly { readonly enr: string; readonly address: string }[];
  /** The Ethereum address of the one who signs as creator; without it nobody signs. */
  readonly creatorAddress?: string;
  /** Default: ceil(2n / 3). */
  readonly threshold?: number;
  readonly validators: number;
  /** 4 bytes. */
  readonly forkVersion: Uint8Array;
  /** One for all validators, or one for each. */
  readonly feeRecipients: readonly string[];
  readonly withdrawalAddresses: readonly string[];
  /** Gwei. */
  readonly depositAmounts?: readonly number[];
  readonly compounding: boolean;
  readonly targetGasLimit: number;
  readonly consensusProtocol?: string;
  readonly dkgAlgorithm?: string;
  /** RFC 3339. */
  readonly timestamp: string;
}

/** Partial signatures that are needed when nobody says otherwise: ceil(2n / 3). */
export function defaultThreshold(operatorCount: number): number {
  return Math.ceil((operatorCount * 2) / 3);
}

export const badRequest = (
  what: string,
  facts: Record<string, number | string>,
  hint: string,
): ClusterError => new ClusterError("cluster/bad-request", what, { facts, hint });

/** An address as it is written: capital letters are its checksum. @spec EIP-55 */
function checksummed(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = toHex(keccak256(new TextEncoder().encode(digits))).slice(2);
  const cased = Array.from(digits, (digit, i) =>
    Number.parseInt(hash[i] as string, 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${cased.join("")}`;
}

/**
 * An address that somebody typed, with its checksum.
 *
 * @throws ClusterError `cluster/bad-request` - it is none, or its letters' cases say that it was mistyped.
 */
export function readAddress(what: string, address: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address))
    throw badRequest(
      "read an address",
      { [what]: address.slice(0, 50) },
      `A ${what} is 0x and 40 hexadecimal digits.`,
    );
  const digits = address.slice(2);
  const saysNothing = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  const right = checksummed(address);
  if (!saysNothing && right !== address)
    throw badRequest(
      "read an address",
      { [what]: address },
      `Capital and small letters of this ${what} do not fit its digits (EIP-55), so it was probably mistyped.`,
    );
  return right;
}

/**
 * A definition with its hashes, signed by nobody yet.
 *
 * @throws ClusterError `cluster/bad-request`, `cluster/malformed` for an ENR that is none
 */
export function newDefinition(request: DefinitionRequest): Definition {
  const { version, operators, validators, compounding } = request;
  const threshold = checkRequest(request, { operatorCount: operators.length, validatorCount: validators });
  checkOperators(operators);
  if (operators.some(({ address }) => address !== "")) requireRoom(version, "operators that sign", "v1.4.0");
  const none = new Uint8Array(0);
  const feeRecipients = forEach("fee recipient", request.feeRecipients, validators);
  const withdrawals = forEach("withdrawal address", request.withdrawalAddresses, validators);
  return withHashes({
    name: request.name,
    uuid: randomUUID().toUpperCase(),
    version,
    timestamp: request.timestamp,
    numValidators: validators,
    threshold,
    dkgAlgorithm: request.dkgAlgorithm ?? "default",
    forkVersion: request.forkVersion,
    creator: {
      address:
        request.creatorAddress === undefined ? "" : readAddress("creator address", request.creatorAddress),
      configSignature: none,
    },
    operators: operators.map(({ enr, address }) => ({
      address: address === "" ? "" : readAddress("operator address", address),
      enr,
      configSignature: none,
      enrSignature: none,
    })),
    validators: feeRecipients.map((feeRecipient, i) => ({
      feeRecipient,
      withdrawal: withdrawals[i] as string,
    })),
    depositAmounts: request.depositAmounts,
    consensusProtocol: request.consensusProtocol ?? "",
    targetGasLimit: atLeast(version, "v1.10.0") ? request.targetGasLimit : 0,
    compounding,
    configHash: none,
    definitionHash: none,
  });
}

const ACTION = "define a cluster";

/**
 * All that can be said of a request while its operators, and perhaps its validators, are not there yet.
 *
 * @param counts.validatorCount - Undefined while it is not known.
 * @returns The threshold.
 * @throws ClusterError `cluster/bad-request`
 */
export function checkRequest(
  request: Omit<DefinitionRequest, "operators" | "validators">,
  counts: { readonly operatorCount: number; readonly validatorCount: number | undefined },
): number {
  const { feeRecipients, withdrawalAddresses, depositAmounts, compounding } = request;
  const { operatorCount, validatorCount = Math.max(feeRecipients.length, withdrawalAddresses.length) } =
    counts;
  const threshold = request.threshold ?? defaultThreshold(operatorCount);
  checkNumbers(request.name, { operators: operatorCount, validators: validatorCount, threshold });
  checkVersion(request);
  if (depositAmounts !== undefined) checkDepositAmounts(depositAmounts, compounding);
  forEach("fee recipient", feeRecipients, validatorCount);
  checkWithdrawals(request.forkVersion, forEach("withdrawal address", withdrawalAddresses, validatorCount));
  return threshold;
}

function checkNumbers(
  name: string,
  {
    operators,
    validators,
    threshold,
  }: { readonly operators: number; readonly validators: number; readonly threshold: number },
): void {
  if (Buffer.byteLength(name) > TEXT_BYTES_MAX.name)
    throw badRequest(
      ACTION,
      { nameBytes: Buffer.byteLength(name) },
      `A cluster's name has at most ${TEXT_BYTES_MAX.name} bytes.`,
    );
  if (operators < 3 || operators > 64)
    throw badRequest(
      ACTION,
      { nodes: operators },
      "A cluster has 3 to 64 nodes; 4, 7 or 10 tolerate 1, 2 or 3 faulty ones.",
    );
  if (validators < 1 || validators > VALIDATORS_MAX)
    throw badRequest(
      ACTION,
      { validators },
      `Ask for 1 to ${VALIDATORS_MAX} validators with --num-validators.`,
    );
  if (threshold < 2 || threshold > operators)
    throw badRequest(
      ACTION,
      { threshold, nodes: operators },
      "The threshold must be between 2 and the number of nodes.",
    );
}

/** What an old file has no room for would get lost without a word. */
function requireRoom(version: Version, what: string, since: Version): void {
  if (!atLeast(version, since))
    throw badRequest(
      ACTION,
      { version, since },
      `Files of ${version} have no room for ${what}; leave it out, or take --definition-version ${since}.`,
    );
}

function checkVersion(request: Omit<DefinitionRequest, "operators" | "validators">): void {
  const { version, feeRecipients, withdrawalAddresses } = request;
  const needs = (what: string, since: Version): void => requireRoom(version, what, since);
  if (new Set(feeRecipients).size > 1 || new Set(withdrawalAddresses).size > 1)
    needs("addresses of each validator", "v1.5.0");
  if (request.depositAmounts !== undefined) needs("--deposit-amounts", "v1.8.0");
  if ((request.consensusProtocol ?? "") !== "") needs("--consensus-protocol", "v1.9.0");
  if (request.compounding) needs("--compounding", "v1.10.0");
  if (request.creatorAddress !== undefined) needs("a creator", "v1.4.0");
}

function checkOperators(operators: DefinitionRequest["operators"]): void {
  const seen = new Set<string>();
  for (const [i, { enr, address }] of operators.entries()) {
    const who = enr === "" ? address.toLowerCase() : toHex(parseEnr(enr).publicKey);
    if (seen.has(who))
      throw badRequest(
        ACTION,
        { operator: i, given: who },
        "This operator was named before; each has its own node key and its own address.",
      );
    seen.add(who);
  }
}

export const hasRealMoney = (network: string): boolean => network === "mainnet" || network === "gnosis";

/** That nobody's stake is lost for good. @throws ClusterError `cluster/bad-request` */
export function checkWithdrawals(forkVersion: Uint8Array, addresses: readonly string[]): void {
  const name = networkByForkVersion(forkVersion)?.name ?? "";
  const validator = addresses.indexOf(`0x${"00".repeat(20)}`);
  if (validator >= 0 && hasRealMoney(name))
    throw badRequest(
      ACTION,
      { validator, network: name },
      "Nobody has the withdrawal address 0: the stake would be lost.",
    );
}

function forEach(what: string, given: readonly string[], count: number): readonly string[] {
  if (given.length !== 1 && given.length !== count)
    throw badRequest(
      ACTION,
      { given: given.length, validators: count },
      `Give one ${what} for all validators, or one for each.`,
    );
  const addresses = given.map((address) => readAddress(what, address));
  return Array.from({ length: count }, (_, i) => addresses[given.length === 1 ? 0 : i] as string);
}
