import { privateKeyFromRaw, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { PeerId, PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromPublicKey } from "@libp2p/peer-id";
import type { OperatorIndex } from "../spec/index.ts";
import { P2pError } from "./errors.ts";

/** An operator as this room sees it. */
export interface Peer {
  readonly operator: OperatorIndex;
  /** Label in metrics and logs: "operator-2". */
  readonly name: string;
  readonly peerId: PeerId;
  /** The peer id as text, "16Uiu2...". */
  readonly id: string;
}

/** Who is at the other end of a connection. Nobody else gets in. */
export type Who =
  | { readonly kind: "operator"; readonly peer: Peer; readonly name: string }
  | { readonly kind: "relay"; readonly name: string };

/** Who may talk to us: the operators of the cluster lock, and the relays as far as their peer ids are known by now. */
export class Roster {
  readonly self: Peer;
  /** The other operators, in lock order. */
  readonly peers: readonly Peer[];
  readonly privateKey: PrivateKey;
  readonly operatorCount: number;
  readonly #byId: ReadonlyMap<string, Peer>;
  readonly #relays = new Map<string, string>();

  /**
   * @param privateKey - 32 bytes, secp256k1.
   * @throws P2pError `p2p/bad-option` - a key that is none, two operators with one key, or a private key that is not ours.
   */
  constructor(
    operators: readonly { readonly index: OperatorIndex; readonly publicKey: Uint8Array }[],
    self: OperatorIndex,
    privateKey: Uint8Array,
  ) {
    const all = operators.map(({ index, publicKey }): Peer => {
      const peerId = readPeerId(index, publicKey);
      return { operator: index, name: `operator-${index}`, peerId, id: peerId.toString() };
    });
    this.#byId = new Map(all.map((peer) => [peer.id, peer]));
    if (this.#byId.size !== all.length || new Set(all.map(({ operator }) => operator)).size !== all.length)
      throw new P2pError("p2p/bad-option", "read operators", {
        facts: { operators: all.map(({ id }) => id) },
        hint: "Each operator of a cluster needs a key and an index of its own.",
      });
    const own = all.find(({ operator }) => operator === self);
    this.privateKey = readPrivateKey(privateKey);
    if (own === undefined || peerIdFromPrivateKey(this.privateKey).toString() !== own.id)
      throw new P2pError("p2p/bad-option", "match private key with operator", {
        facts: { operator: self },
        hint: "The private key of this node must belong to the operator that it is in the cluster lock.",
      });
    this.self = own;
    this.peers = all.filter(({ operator }) => operator !== self);
    this.operatorCount = all.length;
  }

  peer(operator: OperatorIndex): Peer | undefined {
    return this.peers.find((peer) => peer.operator === operator);
  }

  /** @param id - A peer id as text. */
  peerOfId(id: string): Peer | undefined {
    const peer = this.#byId.get(id);
    return peer?.operator === this.self.operator ? undefined : peer;
  }

  whoIs(peerId: PeerId): Who | undefined {
    const id = peerId.toString();
    const peer = this.peerOfId(id);
    if (peer !== undefined) return { kind: "operator", peer, name: peer.name };
    for (const [name, relayId] of this.#relays) if (relayId === id) return { kind: "relay", name };
    return undefined;
  }

  /** Lets a relay in, in place of the one that had this name before. */
  setRelay(name: string, peerId: string): void {
    this.#relays.set(name, peerId);
  }

  /** The order that decides which of two operators dials through a relay: bytes of the peer ids. */
  isSmallerThan(peer: Peer): boolean {
    return Buffer.compare(this.self.peerId.toMultihash().bytes, peer.peerId.toMultihash().bytes) < 0;
  }
}

function readPeerId(index: OperatorIndex, publicKey: Uint8Array): PeerId {
  try {
    if (publicKey.length === 33) return peerIdFromPublicKey(publicKeyFromRaw(publicKey));
  } catch (cause) {
    throw badKey(index, cause);
  }
  throw badKey(index);
}

const badKey = (operator: number, cause?: unknown): P2pError =>
  new P2pError("p2p/bad-option", "read operator's public key", {
    ...(cause === undefined ? {} : { cause }),
    facts: { operator },
    hint: "An operator's key is a compressed secp256k1 public key of 33 bytes.",
  });

/** The peer id of a compressed secp256k1 key as text, "16Uiu2...". @throws when the bytes are no such key. */
export function peerIdOf(publicKey: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString();
}

function readPrivateKey(bytes: Uint8Array): PrivateKey {
  if (bytes.length === 32) {
    try {
      return privateKeyFromRaw(bytes);
    } catch {
      // Falls through: the cause could quote key material.
    }
  }
  throw new P2pError("p2p/bad-option", "read private key", {
    facts: { bytes: bytes.length },
    hint: "The key of a node is a secp256k1 private key of 32 bytes.",
  });
}
