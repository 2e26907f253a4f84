// What one validator client, or whoever reaches the port, can hold of a node. Times are milliseconds.

/** A block with blobs as JSON: 128 blobs of 256 KiB of hexadecimal text. */
const BLOCK_BYTES_MAX: number = 48 * 1024 * 1024;
/** Everything else: 4 096 signed aggregates with 2 048 bits of attesters each are 6 MB, registrations of them 3 MB. */
export const BODY_BYTES_MAX: number = 8 * 1024 * 1024;
export const bodyBytesMax = (_method: string, path: string): number =>
  /^\/eth\/v[0-9]+\/(beacon|builder)\/(blinded_)?blocks\/?$/.test(path) ? BLOCK_BYTES_MAX : BODY_BYTES_MAX;

/** Items of one list. Clusters of 3 000 validators exist; each may have one of each in a slot of a small chain. */
export const ITEMS_MAX = 8_192;
/** Containers that are read from JSON in one go: some 5 ms of votes or aggregates, measured. */
export const ITEMS_PER_TURN = 64;

/** The port. A client holds one or a few connections; its operator's tools some more. */
export const SERVER_LIMITS = {
  bodyBytesMax,
  /** Two blocks with many blobs at the same time, and everything else. */
  bodiesBytesMax: 128 * 1024 * 1024,
  connectionsMax: 1_024,
  receiveTimeoutMs: 20_000,
  stallMs: 15_000,
  /** Longer than clients keep theirs: a server that closes first makes a POST that is just being sent fail. */
  keepAliveMs: 660_000,
} as const;

/** Requests that are being forwarded at the same time. Of more, the oldest of the address with the most ends with 503. */
export const FORWARDED_MAX = 256;
/**
 * Of those that end, and have not after `PASSAGE_QUICK_MS`, so many keep their connection to the beacon node; beyond, the oldest
 * of the address with the most makes place. With the event streams they leave a quarter of the 64 connections to everybody else.
 */
export const SLOW_PASSAGES_MAX = 32;
export const PASSAGE_QUICK_MS = 2_000;
/**
 * Event streams open at the same time: two of each of a few clients. Each holds one of the 64 connections to a beacon node that
 * are for what is passed on, as long as it is open. Whoever has the most of them loses the oldest to one that is too many.
 */
export const STREAMS_MAX = 16;
/**
 * Answers that are waited for at the same time, each item of a list for itself. A client with 3 000 validators asks for
 * the selections of two epochs at once. Of more, the longest list of the address with the most is answered now.
 */
export const WAITING_MAX = 16_384;
/** What is read of the beacon node's answers that we translate: 16 000 validators are 7 MB. */
export const ANSWER_BYTES_MAX: number = 64 * 1024 * 1024;
/** What is read of the beacon node's reason for a refusal. */
export const REASON_BYTES_MAX: number = 64 * 1024;
/** Epochs whose duties are kept: the one before, this, the next, and one for a client whose clock is ahead. */
export const EPOCHS_AHEAD_MAX = 2;
/** Slots after which a validator that the chain did not know is asked for again. */
export const UNKNOWN_AGAIN_SLOTS = 8;
/** What clients do wrong is logged by the minute. */
export const MINUTE_MS = 60_000;
/** So often the same sentence about refused signatures: one for each kind of duty, and some. */
export const LINES_MAX = 20;
