import { type NodeKey, verifySecp256k1 } from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { Broadcast, BroadcastKind } from "./broadcast.ts";
import { lied } from "./errors.ts";
import { MsgNodeSig } from "./wire.ts";

export const nodeSignatureKind: BroadcastKind = { id: "/charon/dkg/node_sig", type: "MsgNodeSig" };

/**
 * Exchanges the signatures of the node keys over the lock hash.
 *
 * @returns 65 bytes each, by operator; all verified.
 * @throws CeremonyError `ceremony/lied`
 */
export async function exchangeNodeSignatures(
  {
    broadcast,
    key,
    self,
    publicKeys,
  }: {
    readonly broadcast: Broadcast;
    readonly key: NodeKey;
    readonly self: OperatorIndex;
    readonly publicKeys: readonly Uint8Array[];
  },
  lockHash: Uint8Array,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const own = key.sign(lockHash);
  const sent = broadcast.send(
    nodeSignatureKind,
    MsgNodeSig.encode({ signature: own, peerIndex: self }),
    signal,
  );
  const signatures = Promise.all(
    publicKeys.map(async (publicKey, i) => {
      const operator = i as OperatorIndex;
      if (operator === self) return own;
      const message = MsgNodeSig.decode(await broadcast.receive(operator, nodeSignatureKind, signal));
      if (message.peerIndex !== operator) throw lied(operator, "has sent a node signature in another's name");
      if (message.signature.length !== 65 || !verifySecp256k1(lockHash, publicKey, message.signature))
        throw lied(operator, "has signed another lock hash than ours with its node key");
      return message.signature;
    }),
  );
  const [all] = await Promise.all([signatures, sent]);
  return all;
}
