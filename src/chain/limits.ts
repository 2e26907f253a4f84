import type { ServeOptions } from "../http/index.ts";

// Caps of the simulated chain. A devnet serves a few nodes on one machine; the caps keep a confused or hostile client
// from filling its memory.

/** Largest request body: a block with blobs of the mainnet preset stays well below. */
export const BODY_BYTES_MAX: number = 16 * 1024 * 1024;
/** Bodies of all requests under way. */
const BODIES_BYTES_MAX: number = 256 * 1024 * 1024;
/** Validators of one chain: more is another kind of simulation. */
export const VALIDATORS_MAX = 16_384;
/** Items (votes, messages, ids) in one request: everything of one client that has all validators. */
export const ITEMS_MAX: number = VALIDATORS_MAX;
/** Epochs for which blocks, votes and details per slot are kept; a vote can be included for two. */
export const EPOCHS_KEPT = 4;
/** Answers of the signature check that are remembered: some four nodes times a slot of a few hundred validators. */
export const SIGNATURES_REMEMBERED = 16_384;
/** Latencies kept per validator and kind of duty, for median and 95th percentile. */
export const LATENCIES_KEPT = 512;
/** Refused items kept with their reason; the rest are counted. */
export const REFUSALS_KEPT = 200;
/** Slashable pairs kept in full; the rest are counted. */
export const SLASHINGS_KEPT = 500;
/** Event streams open at the same time. */
export const STREAMS_MAX = 256;
/** Events waiting for one slow reader before its stream is closed. */
export const STREAM_BACKLOG_MAX = 1024;
/** Conflicting votes kept per validator and epoch: one honest and enough to prove what the others were. */
export const VOTES_PER_EPOCH_MAX = 16;
/**
 * How long an idle connection stays open. Longer than clients keep theirs (Go's HTTP clients up to ten minutes): a server
 * that closes first makes a POST that is just being sent fail, and clients do not repeat a POST. Node's own five seconds
 * cost a Charon cluster with 6 s slots its sync messages.
 */
const KEEP_ALIVE_MS = 660_000;
/** How far a client's clock may run ahead of the chain's (MAXIMUM_GOSSIP_CLOCK_DISPARITY). */
export const CLOCK_DISPARITY_MS = 500;
/** What one client may hold of the chain's server. */
export const SERVER_LIMITS: ServeOptions["limits"] = {
  bodyBytesMax: () => BODY_BYTES_MAX,
  bodiesBytesMax: BODIES_BYTES_MAX,
  connectionsMax: 4_096,
  receiveTimeoutMs: 60_000,
  stallMs: 30_000,
  keepAliveMs: KEEP_ALIVE_MS,
};
