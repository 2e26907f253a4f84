import { randomBytes, randomUUID } from "node:crypto";
import { fromHex, toHex } from "../base/index.ts";
import {
  aggregateSignatures,
  type KeyShare,
  keccak256,
  NodeKey,
  randomScalar,
  SecretKey,
  splitSecret,
} from "../crypto/index.ts";
import {
  checkDepositAmounts,
  defaultDepositAmounts,
  registrationSigningRoot,
  signDeposit,
  withdrawalCredentials,
} from "./deposit.ts";
import { encodeEnr } from "./enr.ts";
import { ClusterError } from "./errors.ts";
import { configHash, definitionHash, lockHash } from "./hash.ts";
import {
  atLeast,
  type Definition,
  type DistributedValidator,
  type Lock,
  TEXT_BYTES_MAX,
  type Version,
} from "./model.ts";

export interface CreateOptions {
  readonly name: string;
  readonly version: Version;
  readonly operatorCount: number;
  /** Default: ceil(2n / 3). */
  readonly threshold?: number;
  /** 4 bytes. */
  readonly forkVersion: Uint8Array;
  /** Unix seconds; the time of builder registrations. */
  readonly registrationTime: number;
  /** One for all validators, or one for each. */
  readonly feeRecipients: readonly string[];
  readonly withdrawalAddresses: readonly string[];
  /** Gwei. */
  readonly depositAmounts?: readonly number[];
  readonly compounding: boolean;
  readonly targetGasLimit: number;
  /** Keys to be split; without them new ones are drawn. */
  readonly keys: readonly SecretKey[] | { readonly newKeys: number };
  /** RFC 3339. */
  readonly timestamp: string;
}

/** A cluster as `create cluster` makes it: the only moment at which whole keys exist (S6). */
export interface CreatedCluster {
  readonly lock: Lock;
  readonly nodeKeys: readonly NodeKey[];
  /** By validator, then operator. */
  readonly shares: readonly (readonly KeyShare[])[];
}

/** Registrations of locks that name no gas limit. */
const DEFAULT_GAS_LIMIT = 30_000_000;

/** Partial signatures that are needed when nobody says otherwise: ceil(2n / 3). */
export function defaultThreshold(operatorCount: number): number {
  return Math.ceil((operatorCount * 2) / 3);
}

const badRequest = (what: string, facts: Record<string, number | string>, hint: string): ClusterError =>
  new ClusterError("cluster/bad-request", what, { facts, hint });

/** An address in one case says nothing; in mixed case it carries a checksum. @spec EIP-55 */
function hasRightChecksum(address: string): boolean {
  const digits = address.slice(2);
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return true;
  const hash = toHex(keccak256(new TextEncoder().encode(digits.toLowerCase()))).slice(2);
  return Array.from(digits).every(
    (digit, i) =>
      digit === (Number.parseInt(hash[i] as string, 16) >= 8 ? digit.toUpperCase() : digit.toLowerCase()),
  );
}

/** One key twice would be two validators that sign against each other. */
function checkDistinct(secrets: readonly SecretKey[]): void {
  const seen = new Set<string>();
  for (const secret of secrets) {
    const key = toHex(secret.publicKey());
    if (seen.has(key))
      throw badRequest(
        "create a cluster",
        { publicKey: key },
        "This key was given twice; take one of its keystores out.",
      );
    seen.add(key);
  }
}

function checkRequest(options: CreateOptions, count: number, threshold: number): void {
  if (Buffer.byteLength(options.name) > TEXT_BYTES_MAX.name)
    throw badRequest(
      "create a cluster",
      { nameBytes: Buffer.byteLength(options.name) },
      `A cluster's name has at most ${TEXT_BYTES_MAX.name} bytes.`,
    );
  if (options.operatorCount < 3 || options.operatorCount > 64)
    throw badRequest(
      "create a cluster",
      { nodes: options.operatorCount },
      "A cluster has 3 to 64 nodes; 4, 7 or 10 tolerate 1, 2 or 3 faulty ones.",
    );
  if (count < 1)
    throw badRequest(
      "create a cluster",
      { validators: count },
      "Ask for at least one validator with --num-validators.",
    );
  if (threshold < 2 || threshold > options.operatorCount)
    throw badRequest(
      "create a cluster",
      { threshold, nodes: options.operatorCount },
      "The threshold must be between 2 and the number of nodes.",
    );
  for (const [what, list] of [
    ["fee recipient", options.feeRecipients],
    ["withdrawal address", options.withdrawalAddresses],
  ] as const) {
    if (list.length !== 1 && list.length !== count)
      throw badRequest(
        "create a cluster",
        { given: list.length, validators: count },
        `Give one ${what} for all validators, or one for each.`,
      );
    const wrong = list.find((address) => !/^0x[0-9a-fA-F]{40}$/.test(address));
    if (wrong !== undefined)
      throw badRequest(
        "create a cluster",
        { found: wrong.slice(0, 50) },
        `A ${what} is 0x and 40 hexadecimal digits.`,
      );
    const mistyped = list.find((address) => !hasRightChecksum(address));
    if (mistyped !== undefined)
      throw badRequest(
        "create a cluster",
        { found: mistyped },
        `Capital and small letters of this ${what} do not fit its digits (EIP-55), so it was probably mistyped.`,
      );
  }
}

/** Makes keys, shares, deposits, registrations and the signed lock, all in memory. */
export function createCluster(
  options: CreateOptions,
  onProgress: (done: number, of: number) => void = () => {},
): CreatedCluster {
  const secrets =
    "newKeys" in options.keys
      ? Array.from({ length: options.keys.newKeys }, () => SecretKey.fromScalar(randomScalar(entropy)))
      : options.keys;
  const threshold = options.threshold ?? defaultThreshold(options.operatorCount);
  checkRequest(options, secrets.length, threshold);
  checkDistinct(secrets);
  const amounts = checkDepositAmounts(
    options.depositAmounts ?? defaultDepositAmounts(options.compounding),
    options.compounding,
  );
  const nodeKeys = Array.from({ length: options.operatorCount }, drawNodeKey);
  const of = (list: readonly string[], i: number): string => list[list.length === 1 ? 0 : i] as string;
  const definition = makeDefinition(
    options,
    nodeKeys,
    threshold,
    secrets.map((_, i) => ({
      feeRecipient: of(options.feeRecipients, i),
      withdrawal: of(options.withdrawalAddresses, i),
    })),
  );
  const shares: KeyShare[][] = [];
  const validators = secrets.map((secret, i): DistributedValidator => {
    const split = splitSecret(secret, { threshold, shareCount: options.operatorCount, entropy });
    shares.push(split);
    onProgress(i + 1, secrets.length);
    return makeValidator(secret, split, {
      definition,
      amounts,
      registrationTime: options.registrationTime,
      i,
    });
  });
  const hash = lockHash({ definition, validators });
  const signatureAggregate = aggregateSignatures(shares.flat().map((share) => share.secret.sign(hash)));
  if (signatureAggregate === undefined)
    throw badRequest("create a cluster", {}, "Ask for at least one validator.");
  return {
    lock: {
      definition,
      validators,
      lockHash: hash,
      signatureAggregate,
      nodeSignatures: nodeKeys.map((key) => key.sign(hash)),
    },
    nodeKeys,
    shares,
  };
}

const entropy = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** A new node key. */
export function drawNodeKey(): NodeKey {
  for (;;) {
    try {
      return NodeKey.fromBytes(entropy(32));
    } catch {
      // One draw in 2^128 is not a key.
    }
  }
}

function makeDefinition(
  options: CreateOptions,
  nodeKeys: readonly NodeKey[],
  threshold: number,
  validators: Definition["validators"],
): Definition {
  const none = new Uint8Array(0);
  const draft: Definition = {
    name: options.name,
    uuid: randomUUID().toUpperCase(),
    version: options.version,
    timestamp: options.timestamp,
    numValidators: validators.length,
    threshold,
    dkgAlgorithm: "default",
    forkVersion: options.forkVersion,
    creator: { address: "", configSignature: none },
    operators: nodeKeys.map((key) => ({
      address: "",
      enr: encodeEnr(key),
      configSignature: none,
      enrSignature: none,
    })),
    validators,
    depositAmounts: options.depositAmounts,
    consensusProtocol: "",
    targetGasLimit: atLeast(options.version, "v1.10.0") ? options.targetGasLimit : 0,
    compounding: options.compounding,
    configHash: none,
    definitionHash: none,
  };
  const hashed = { ...draft, configHash: configHash(draft) };
  return { ...hashed, definitionHash: definitionHash(hashed) };
}

function makeValidator(
  secret: SecretKey,
  shares: readonly KeyShare[],
  how: {
    readonly definition: Definition;
    readonly amounts: readonly number[];
    readonly registrationTime: number;
    readonly i: number;
  },
): DistributedValidator {
  const { definition } = how;
  const settings = definition.validators[how.i] as Definition["validators"][number];
  const publicKey = secret.publicKey();
  const credentials = withdrawalCredentials(settings.withdrawal, definition.compounding);
  const registration = {
    feeRecipient: fromHex(settings.feeRecipient, 20),
    gasLimit: definition.targetGasLimit === 0 ? DEFAULT_GAS_LIMIT : definition.targetGasLimit,
    timestamp: how.registrationTime,
    pubkey: publicKey,
  };
  return {
    publicKey,
    publicShares: shares.map((share) => share.secret.publicKey()),
    deposits: how.amounts.map((amount) =>
      signDeposit(
        secret,
        { pubkey: publicKey, withdrawalCredentials: credentials, amount: BigInt(amount) },
        definition.forkVersion,
      ),
    ),
    registration: {
      ...registration,
      signature: secret.sign(registrationSigningRoot(registration, definition.forkVersion)),
    },
  };
}

/** For messages to people. */
export function shortKey(publicKey: Uint8Array): string {
  return `${toHex(publicKey).slice(0, 10)}…${toHex(publicKey).slice(-4)}`;
}
