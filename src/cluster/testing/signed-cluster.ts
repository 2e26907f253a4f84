import { addr, signTyped } from "micro-eth-signer";
import { fromHex, type Hex, toHex } from "../../base/index.ts";
import { aggregateSignatures, type KeyShare, type NodeKey, sha256 } from "../../crypto/index.ts";
import { type CreatedCluster, type CreateOptions, createCluster } from "../create.ts";
import { type TypedMessage, typedData } from "../eip712.ts";
import { configHash, definitionHash } from "../hash.ts";
import { lockHash } from "../hash-lock.ts";
import type { Lock } from "../model.ts";

/** What tests ask for when they do not care. */
export const requested: CreateOptions = {
  name: "a cluster of tests",
  version: "v1.10.0",
  operatorCount: 4,
  forkVersion: Uint8Array.of(0x10, 0, 9, 0x10),
  registrationTime: 1_742_213_400,
  feeRecipients: [`0x${"11".repeat(20)}`],
  withdrawalAddresses: [`0x${"22".repeat(20)}`],
  compounding: false,
  targetGasLimit: 60_000_000,
  keys: { newKeys: 2 },
  timestamp: "2026-01-01T00:00:00Z",
};

const HOODI_CHAIN_ID = 560_048;

/** A cluster as a ceremony leaves it: every operator and the creator signed with a wallet. */
export function signedCluster(): CreatedCluster {
  const created = createCluster(requested);
  const wallets = [0, 1, 2, 3, 4].map((i) => toHex(sha256(Buffer.from(`wallet ${i}`))));
  const sign = (i: number, message: TypedMessage): Uint8Array =>
    fromHex(signTyped(typedData(message, HOODI_CHAIN_ID) as never, wallets[i] as Hex));
  const address = (i: number): string => addr.fromPrivateKey(wallets[i] as Hex).toLowerCase();
  const { definition } = created.lock;
  const named = {
    ...definition,
    creator: { ...definition.creator, address: address(4) },
    operators: definition.operators.map((one, i) => ({ ...one, address: address(i) })),
  };
  const hash = configHash(named);
  const signed = {
    ...named,
    configHash: hash,
    creator: {
      address: address(4),
      configSignature: sign(4, { type: "CreatorConfigHash", configHash: hash }),
    },
    operators: named.operators.map((one, i) => ({
      ...one,
      configSignature: sign(i, { type: "OperatorConfigHash", configHash: hash }),
      enrSignature: sign(i, { type: "ENR", enr: one.enr }),
    })),
  };
  const whole = { ...signed, definitionHash: definitionHash(signed) };
  return {
    ...created,
    lock: signLock({ ...created.lock, definition: whole }, created.nodeKeys, created.shares),
  };
}

/** The lock with its hash made again and signed by all shares and nodes. */
export function signLock(
  lock: Lock,
  nodeKeys: readonly NodeKey[],
  shares: readonly (readonly KeyShare[])[],
): Lock {
  const hash = lockHash(lock);
  const signatureAggregate = aggregateSignatures(shares.flat().map(({ secret }) => secret.sign(hash)));
  if (signatureAggregate === undefined) throw new Error("a cluster has shares");
  return {
    ...lock,
    lockHash: hash,
    signatureAggregate,
    nodeSignatures: nodeKeys.map((key) => key.sign(hash)),
  };
}
