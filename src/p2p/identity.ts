import { privateKeyFromRaw, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { PeerId, PrivateKey } from "@libp2p/interface";
import { peerIdFromPublicKey } from "@libp2p/peer-id";

/** The libp2p identity of a node key. */
export function identityOf(privateKey: Uint8Array): PrivateKey {
  return privateKeyFromRaw(privateKey);
}

/** The peer id ("16Uiu2…") of an operator's compressed secp256k1 key. */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey));
}
