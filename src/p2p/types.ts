import type { Channels, Clock, Logger, Meter, Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { AddressBook } from "./address-book.ts";
import type { ReadEnr } from "./relay-address.ts";

export interface P2pOptions {
  /** 32 bytes, secp256k1: the node's identity. */
  readonly privateKey: Uint8Array;
  /** All operators of the cluster with their compressed keys (33 bytes), ourselves included. */
  readonly operators: readonly { readonly index: OperatorIndex; readonly publicKey: Uint8Array }[];
  readonly self: OperatorIndex;
  /** 32 bytes. */
  readonly lockHash: Uint8Array;
  /** TCP addresses to listen on, "host:port" or multiaddr; none: dial only. */
  readonly listen: readonly string[];
  /** Addresses under which others reach us, beside those we listen on; "host:port" or multiaddr. */
  readonly announce?: readonly string[];
  /** Known places of peers: multiaddrs with the peer id at the end. */
  readonly peers?: readonly string[];
  /** URLs, multiaddrs with peer id, or ENRs. */
  readonly relays?: readonly string[];
  /** Sent to relays' URLs beside the lock hash. */
  readonly clusterUuid?: string;
  /** What this node says about itself. */
  readonly nickname: string;
  readonly version: string;
  /** Seven hexadecimal digits. */
  readonly gitHash?: string;
  readonly builderApi?: boolean;
  readonly addressBook: AddressBook;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Meter;
  /** Reads ENRs of relays: `cluster.parseEnr`. */
  readonly readEnr: ReadEnr;
  /** Harmless chance, uniform in [0, 1). */
  readonly random?: () => number;
}

/** How it stands with one operator, for the dashboard. */
export interface PeerStatus {
  readonly operator: OperatorIndex;
  readonly peerId: string;
  readonly connected: boolean;
  readonly path: "direct" | "relayed" | undefined;
  /** Last round trip in milliseconds. */
  readonly rttMs: number | undefined;
  /** Milliseconds since it last answered; undefined when it never did. */
  readonly silentMs: number | undefined;
  readonly version: string | undefined;
  readonly nickname: string | undefined;
  /** "charon", "trireme", ... */
  readonly client: string | undefined;
  /** How far the peer's clock is ahead of ours, in milliseconds. */
  readonly clockOffsetMs: number | undefined;
  /** Whether it runs with our cluster lock; undefined before it said so. */
  readonly sameLock: boolean | undefined;
  /** Whether its program is known to speak with ours; undefined before it introduced itself. */
  readonly supported: boolean | undefined;
  /** Whether two programs run as this operator. */
  readonly runsTwice: boolean;
  /** Why it is not connected, or not directly, as of the last attempt. */
  readonly lastError: string | undefined;
}

export interface P2p {
  readonly transport: Transport;
  readonly channels: Channels;
  /** Listens and begins to connect. @throws P2pError `p2p/listen-failed` */
  start(): Promise<void>;
  /** Closes every connection and timer. For good; a stopped one is not started again. */
  stop(): Promise<void>;
  /** The operator's peer id, "16Uiu2...". */
  peerId(operator: OperatorIndex): string;
  /** Multiaddrs with our peer id, with the real ports; empty before start. */
  listenAddresses(): readonly string[];
  peers(): readonly PeerStatus[];
  relays(): readonly { readonly name: string; readonly ready: boolean }[];
}
