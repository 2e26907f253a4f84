/** The caps of this room, each with its reason. Sizes in bytes, times in milliseconds. */

/** Charon gives a message 7 s to leave, two more than the 5 s in which it must arrive. */
export const SEND_TIMEOUT_MS = 7_000;
/**
 * A message has more time than its limit, this much for each of its bytes that has come or gone: on a line of 0.8 Mbit/s, a
 * part of what a home has, 7 s are enough for 700 kB, and would never be enough for more.
 */
export const SLOWEST_BYTES_PER_MS = 100;
/** An answer is as large as a request of the same protocol may be; this where we have no handler for it. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** What of one peer's messages may lie half received in memory at once; two of the largest of Charon's (32 MB). */
export const RECEIVING_BYTES_MAX_PER_PEER = 64 * 1024 * 1024;
/** How long a handler may work before its stream is given up. */
export const HANDLER_TIMEOUT_MS = 10_000;
/** After our side of a stream is finished, the other side has this long to finish too; then the stream is reset. */
export const LINGER_MS = 5_000;

/** Streams a peer may have open on one connection; a burst of a slot's messages from a large cluster stays below. */
export const STREAMS_MAX_PER_CONNECTION = 512;
/** Streams a peer may open per second, sustained and at once; far above what duties need. */
export const STREAMS_PER_SECOND_MAX = 500;
export const STREAMS_BURST_MAX = 2_000;
/** A relay opens one for each circuit to us, and asks who we are every ten seconds. */
export const RELAY_STREAMS_PER_SECOND_MAX = 10;
export const RELAY_STREAMS_BURST_MAX = 100;
/** Bytes that may arrive on one connection's streams before those streams have said which protocol they are for. */
export const UNNEGOTIATED_BYTES_MAX = 8 * 1024 * 1024;
/** The window to which one stream may grow: bandwidth-delay product of 32 MB/s over 125 ms. */
export const STREAM_WINDOW_BYTES_MAX = 4 * 1024 * 1024;
/** One frame of it arrives in at most so many pieces: peers send 64 kB a piece, so one of 4 MB in 64; small ones would cost more than their bytes. */
export const FRAME_PIECES_MAX = 1_024;
/** Channels of one protocol that a peer may have open: one, and what a reconnection leaves behind for a while. */
export const CHANNELS_MAX_PER_PEER = 4;
/** Bytes of a channel that nobody has read yet; what channels carry is small and read at once. */
export const CHANNEL_UNREAD_BYTES_MAX = 256 * 1024;
/** Of a stream that is to become a circuit, until it is answered: the wish names a peer and its addresses. */
export const CIRCUIT_WISH_BYTES_MAX = 4 * 1024;
/** Time to say the protocol of a stream. */
export const NEGOTIATION_TIMEOUT_MS = 5_000;
/** And answers to what is proposed for it; peers try three at most, for the sake of older versions. */
export const NEGOTIATION_ANSWERS_MAX = 16;
/**
 * What the muxer takes of one peer: frames, and pieces of the encryption, of which several may make a frame. A message has some
 * ten, or one for each 64 kB; a piece of one byte costs us 4 us, and ten million of them fit through a line in a minute.
 */
export const FRAMES_PER_SECOND_MAX = 20_000;
export const FRAMES_BURST_MAX = 100_000;

/** Both sides dial, and a restarted peer leaves a dead connection behind; more than that is not needed, nor of a relay. */
export const CONNECTIONS_MAX_PER_PEER = 4;
/** Strangers are told apart only after the handshake, so those under way are capped: so many that say nothing, and that are served. */
export const HANDSHAKES_MAX = 128;
/** From one address; all peers may sit behind one, and each dials several of our addresses at once. */
export const HANDSHAKES_MAX_PER_HOST = 32;
/** Circuits through relays are counted apart, so that a flood of connections cannot shut them out. */
export const CIRCUIT_HANDSHAKES_MAX = 64;
/** Peers speak at once; who has said nothing for so long is no peer. */
export const HANDSHAKE_SILENT_MS = 3_000;
/** A handshake takes a few round trips; one that takes longer may have to make place for a newer one. */
export const HANDSHAKE_FAIR_MS = 1_000;
/** And so long at most. */
export const HANDSHAKE_TIMEOUT_MS = 8_000;
/** What we say in one: an answer to each protocol that is proposed, of which peers have two to four, and our own part. */
export const HANDSHAKE_ANSWERS_MAX = 64;
/** Handshakes per second from one address, counted when they begin to cost work: with the first bytes. Each costs 7 ms. */
export const HANDSHAKES_PER_SECOND_PER_HOST_MAX = 32;
/** And from all addresses of one peer, which may make up more than it has; so many that one address alone is not kept short. */
export const HANDSHAKES_PER_SECOND_PER_PEER_MAX = 64;
/** And from all addresses together at which no peer has been: whoever has many must not take our time from duties. */
export const HANDSHAKES_PER_SECOND_OF_STRANGERS_MAX = 32;
/** Addresses whose recent handshakes are remembered. */
export const LOTS_REMEMBERED_MAX = 4_096;

/** A peer with more violations than this in one window is disconnected and refused for as long. */
export const VIOLATIONS_MAX_PER_WINDOW = 1_000;
export const VIOLATION_WINDOW_MS = 10_000;
/** One log line per peer and reason in this time. */
export const VIOLATION_LOG_WINDOW_MS = 60_000;

/** Lines of one sentence about one peer, as that it is connected: at once, and then one in so long. */
export const LINES_ABOUT_PEER_BURST_MAX = 20;
export const LINES_ABOUT_PEER_INTERVAL_MS = 60_000;

/** A ping each interval; Charon does so every second, for us every message shows the same. */
export const PING_INTERVAL_MS = 5_000;
export const PING_TIMEOUT_MS = 5_000;
/** What we answer of one peer's pings: Charon sends one a second on each connection; of its muxer, two a minute. */
export const PINGS_PER_SECOND_MAX = 20;
export const PINGS_BURST_MAX = 100;
export const PING_STREAMS_MAX = 16;
/** How often a peer may ask who we are on one connection: it does so once, and each answer is signed anew. */
export const IDENTIFY_PER_SECOND_MAX = 0.1;
export const IDENTIFY_BURST_MAX = 4;
/** A stream of pings is ended after this time, as go-libp2p does. */
export const PING_STREAM_MAX_MS = 60_000;
/** A connection with so many lost pings in a row is dead and makes place for a new one. */
export const LOST_PINGS_MAX = 2;

/** Connections that were opened so close to each other may have come in another order at the other side. */
export const CROSSING_MS = 5_000;
/** A connection is ended when so many pings in a row found another in its place and nothing on it: by then the other side has found so too. */
export const SURPLUS_PINGS = 3;

/** Dialling: quick at first, then slower; the longest wait keeps recovery snappy without spamming. */
export const DIAL_BACKOFF_FIRST_MS = 100;
export const DIAL_BACKOFF_FACTOR = 1.6;
export const DIAL_BACKOFF_MAX_MS = 30_000;
/** And where no peer at all is connected: within a slot of the end of whatever cuts us off, everybody has to be there again. */
export const DIAL_CUT_OFF_MAX_MS = 4_000;
/** How often a peer is dialled at once for a reason that others can make up: calls from its address, or a peer that comes and goes. */
export const CALLS_BACK_PER_SECOND_MAX = 0.5;
/** While a relayed connection works, a direct one is tried at this pace at most. */
export const UPGRADE_BACKOFF_MAX_MS = 120_000;
export const DIAL_TIMEOUT_MS = 6_000;
/** A name's server is asked so often, and waited for so long each time; both end within the time of a dial. */
export const NAME_TRIES_MAX = 2;
export const NAME_TRY_TIMEOUT_MS = 2_000;
/** Direct addresses are tried for so long before the ways through relays are tried beside them. */
export const DIRECT_HEAD_START_MS = 500;
/** Addresses tried for one peer at a time, and kept of what a peer says about itself. */
export const ADDRESSES_MAX_PER_PEER = 8;

/** Addresses of one peer that an operator tells another; and how many of all that was heard are tried at a time. */
export const ADDRESSES_TOLD_MAX = 4;
export const ADDRESSES_HEARD_MAX = 8;
/** Four addresses of each of thirty peers have 10 kB where all are long names. */
export const ADDRESSES_BYTES_MAX = 16 * 1024;
/** While somebody is not connected directly, each operator is asked so often where the others are. */
export const ADDRESSES_INTERVAL_MS = 60_000;

export const RELAYS_MAX = 16;
export const RELAY_QUERY_TIMEOUT_MS = 10_000;
export const RELAY_ANSWER_BYTES_MAX = 64 * 1024;
export const RELAY_RESOLVE_INTERVAL_MS = 120_000;
/** A relay's own idea of when the reservation ends is believed within these bounds; renewed two minutes before. */
export const RESERVATION_MIN_MS = 30_000;
export const RESERVATION_MAX_MS = 3_600_000;
export const RESERVATION_MARGIN_MS = 120_000;
export const RELAY_BACKOFF_FIRST_MS = 500;
/** Whoever has but relays is alone until one is back. */
export const RELAY_BACKOFF_MAX_MS = 10_000;
/** A relay that served so long is tried again at once when it goes; one that leaves at once is waited for longer each time. */
export const RELAY_STEADY_AFTER_MS = 30_000;

/** Two programs of one operator have to be heard for so long: `trireme test` runs under its name for less. */
export const TWIN_AFTER_MS = 120_000;
/** How far apart the clocks of their machines may be before a program may be taken for one that was there before. */
export const TWIN_CLOCKS_DIFFER_MS = 10_000;
/** Each is heard at least once a minute. */
export const TWIN_FORGOTTEN_MS = 300_000;
export const PEERINFO_INTERVAL_MS = 60_000;
/** Peers send less than 1 kB; Charon takes up to 1 MB. */
export const PEERINFO_BYTES_MAX = 64 * 1024;
/** Distinct values of one info label (version, nickname) kept per peer; the rest is counted as "other". */
export const INFO_VALUES_MAX = 8;

/** A file of addresses larger than this is not ours. */
export const ADDRESS_BOOK_BYTES_MAX = 1024 * 1024;
/** It is written at once a few times, as when a cluster comes together, and then once in this time: a peer that moves without end must not keep the disk busy. */
export const ADDRESS_BOOK_BURST_MAX = 8;
export const ADDRESS_BOOK_INTERVAL_MS = 60_000;

/** Everybody is a stranger to a relay, and a relay has no duties. */
export const RELAY_HANDSHAKES_PER_SECOND_MAX = 100;
/** What our relay gives each node, as Charon's does: a place for half an hour, circuits of an hour or 32 MiB. */
export const RELAY_RESERVATION_MS = 1_800_000;
export const RELAYED_CIRCUIT_MS = 3_600_000;
export const RELAYED_BYTES_MAX: bigint = 32n * 1024n * 1024n;
/** Of what one end of a circuit has sent and the other does not read, so much is kept before the one is held. */
export const CIRCUIT_BACKLOG_BYTES_MAX: number = 256 * 1024;
/** And its window on top, which is smaller than a node's: 8 MB/s over 125 ms. */
export const RELAY_STREAM_WINDOW_BYTES_MAX: number = 1024 * 1024;
/** Of all circuits of a relay together. */
export const CIRCUIT_BACKLOGS_BYTES_MAX: number = 256 * 1024 * 1024;
/** Strangers come and go at a relay: what identify told of those who are gone is not kept for longer. */
export const RELAY_FORGET_PEER_MS = 60_000;
