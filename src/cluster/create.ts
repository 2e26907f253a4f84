import { randomBytes } from "node:crypto";
import { present, toHex } from "../base/index.ts";
import {
  aggregateSignatures,
  type KeyShare,
  NodeKey,
  randomScalar,
  SecretKey,
  splitSecret,
} from "../crypto/index.ts";
import { encodeEnr } from "./enr.ts";
import { lockHash } from "./hash-lock.ts";
import type { Definition, DistributedValidator, Lock } from "./model.ts";
import { badRequest, checkRequest, type DefinitionRequest, newDefinition } from "./new-definition.ts";
import { depositsToSign, makeLock, makeValidators, registrationsToSign } from "./validators.ts";

export interface CreateOptions
  extends Omit<DefinitionRequest, "operators" | "creatorAddress" | "validators"> {
  readonly operatorCount: number;
  /** Unix seconds; the time of builder registrations. */
  readonly registrationTime: number;
  /** Keys to be split; without them new ones are drawn. */
  readonly keys: readonly SecretKey[] | { readonly newKeys: number };
}

/** A cluster as `create cluster` makes it: the only moment at which whole keys exist (S6). */
export interface CreatedCluster {
  readonly lock: Lock;
  readonly nodeKeys: readonly NodeKey[];
  /** By validator, then operator. */
  readonly shares: readonly (readonly KeyShare[])[];
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

/** Makes keys, shares, deposits, registrations and the signed lock, all in memory. */
export function createCluster(
  options: CreateOptions,
  onProgress: (done: number, of: number) => void = () => {},
): CreatedCluster {
  // Before thousands of keys are drawn for a cluster that cannot be.
  checkRequest(options, {
    operatorCount: options.operatorCount,
    validatorCount: "newKeys" in options.keys ? options.keys.newKeys : options.keys.length,
  });
  const secrets =
    "newKeys" in options.keys
      ? Array.from({ length: options.keys.newKeys }, () => SecretKey.fromScalar(randomScalar(entropy)))
      : options.keys;
  checkDistinct(secrets);
  const nodeKeys = Array.from({ length: options.operatorCount }, drawNodeKey);
  const definition = newDefinition({
    ...options,
    operators: nodeKeys.map((key) => ({ enr: encodeEnr(key), address: "" })),
    validators: secrets.length,
  });
  const { threshold } = definition;
  const shares = secrets.map((secret, i) => {
    const split = splitSecret(secret, { threshold, shareCount: options.operatorCount, entropy });
    onProgress(i + 1, secrets.length);
    return split;
  });
  const validators = signValidators(definition, options.registrationTime, secrets, shares);
  const hash = lockHash({ definition, validators });
  const signatureAggregate = aggregateSignatures(shares.flat().map((share) => share.secret.sign(hash)));
  const nodeSignatures = nodeKeys.map((key) => key.sign(hash));
  return {
    lock: makeLock({
      definition,
      validators,
      lockHash: hash,
      signatureAggregate: present(signatureAggregate, "a cluster has shares"),
      nodeSignatures,
    }),
    nodeKeys,
    shares,
  };
}

/** Deposits and registrations, signed with the whole keys. */
function signValidators(
  definition: Definition,
  registrationTime: number,
  secrets: readonly SecretKey[],
  shares: readonly (readonly KeyShare[])[],
): readonly DistributedValidator[] {
  const keys = secrets.map((secret, i) => ({
    groupKey: secret.publicKey(),
    publicShares: (shares[i] as readonly KeyShare[]).map((share) => share.secret.publicKey()),
  }));
  const groupKeys = keys.map(({ groupKey }) => groupKey);
  const sign = ({ roots }: { readonly roots: readonly Uint8Array[] }): readonly Uint8Array[] =>
    roots.map((root, i) => (secrets[i] as SecretKey).sign(root));
  return makeValidators(definition, keys, {
    deposits: depositsToSign(definition, groupKeys).map(sign),
    registrations: sign(registrationsToSign(definition, groupKeys, registrationTime)),
    registrationTime,
  });
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

/** For messages to people. */
export function shortKey(publicKey: Uint8Array): string {
  return `${toHex(publicKey).slice(0, 10)}…${toHex(publicKey).slice(-4)}`;
}
