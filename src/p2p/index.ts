/**
 * The network between the operators of one cluster: a libp2p host that lets in cluster peers only, keeps connections to all
 * of them by direct addresses or relays, carries framed messages within limits, and remembers where peers were. Carries
 * bytes; what they mean is others' work. The one home of libp2p.
 */
export { type AddressBook, fileAddressBook, noAddressBook } from "./address-book.ts";
export { P2pError } from "./errors.ts";
export { peerIdOf } from "./identity.ts";
export { createP2p, type P2p, type P2pOptions } from "./p2p.ts";
export type { PeerStatus } from "./peer.ts";
