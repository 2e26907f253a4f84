/** A block of 128 blobs is 17 MB as SSZ and 36 MB as JSON. */
export const BLOCK_BYTES_MAX: number = 64 * 1024 * 1024;
/** Duties of 50 000 validators are 13 MB. */
export const LIST_BYTES_MAX: number = 32 * 1024 * 1024;
/** Everything else: the longest is the specification with 10 KB. */
export const SMALL_BYTES_MAX: number = 1024 * 1024;
/** So much of an error's body is read; a refused batch of attestations names every one of them. */
export const ERROR_BYTES_MAX: number = 256 * 1024;
/** The reason in an error and the version of a node are cut to this length. */
export const REASON_LENGTH_MAX = 300;
/** One event of the event stream; a head event has 600 bytes. */
export const EVENT_BYTES_MAX: number = 64 * 1024;
/** More validators or duties than exist anywhere. */
export const LIST_ITEMS_MAX = 2_000_000;
/** Public keys in one GET, so that its URL stays below 8 KB. */
export const KEYS_PER_GET = 64;

/** Beacon nodes have to agree on a fork that is this near: two weeks, within which both can be upgraded. */
export const FORK_NEAR_MS: number = 14 * 24 * 3_600 * 1_000;

/** Connections to one node for our duties, as many for questions of the validator API, and as many for what it passes on. */
export const CONNECTIONS_MAX = 64;

/** How long an event stream that is passed on may take to begin: a few slots, as some nodes say nothing before the first event. */
export const STREAM_BEGINS_MS = 60_000;
/**
 * Events that are read of one node's stream in one slot: a head and its block, and more at a reorganisation. Each makes us ask
 * for a block, and perhaps for duties, on the connections that our duties need.
 */
export const EVENTS_PER_SLOT_MAX = 64;

/** How long further nodes may take to better vote data that is here already. */
export const BETTER_VOTE_MS = 100;
/** The same for a block: builders answer late, and 200 ms are cheap next to the value. */
export const BETTER_BLOCK_MS = 200;
/** The same for aggregates and contributions, which are due early enough for it. */
export const BETTER_AGGREGATE_MS = 150;
/**
 * A block is told for so many times the time limit of other calls: large ones take a node a while to check, and a node that is
 * given up on may stop to broadcast it, and begins anew at the next try.
 */
export const BLOCK_PATIENCE = 3;
/** A second node is asked after the first one's 95th percentile, but not earlier than this. */
export const HEDGE_MS_MIN = 50;
/** ... and after this long while nothing was observed. */
export const HEDGE_MS_UNKNOWN = 500;
/** A node further behind than this is asked only when no other answers. */
export const SYNC_DISTANCE_MAX = 2;
/** Latencies remembered per kind of request. */
export const LATENCIES_KEPT = 64;

/** Blocks whose slot is remembered, to tell which of two heads is newer. */
export const HEADS_MAX = 256;
/** Events remembered so that several nodes do not tell the same thing twice. */
export const SEEN_MAX = 512;
