/**
 * The network between the operators of a cluster: a libp2p node that speaks with Charon's, finds peers (addresses, relays),
 * keeps them connected and carries messages within limits. It carries bytes; what they mean belongs to the rooms that
 * register protocols. The one home of libp2p.
 */
export { type AddressBook, fileAddressBook, type KnownAddresses } from "./address-book.ts";
export { peerAddress, tcpAddress } from "./addresses.ts";
export { createP2p } from "./create-p2p.ts";
export { P2pError, type UnreachableReason } from "./errors.ts";
export { NEWEST_CHARON_MINOR, OLDEST_CHARON_MINOR, PEERINFO_PROTOCOL } from "./peerinfo.ts";
export { type NodeRecord, type ReadEnr, readRelay } from "./relay-address.ts";
export { type RelayServer, type RelayServerOptions, startRelayServer } from "./relay-server.ts";
export { peerIdOf } from "./roster.ts";
export type { P2p, P2pOptions, PeerStatus } from "./types.ts";
