import type { ProtocolLimits } from "../ports/index.ts";

/**
 * What the consensus protocol admits from one peer. A message holds at most a few signed parts of 200 bytes and its
 * values, the largest of which is a block with its blobs; Charon takes up to 32 MB. A duty costs a peer four messages per
 * round; eight duties in a one-second slot, each with three rounds, stay below the sustained rate.
 */
export const QBFT_LIMITS: ProtocolLimits = {
  messageBytesMax: 32 * 1024 * 1024,
  messagesPerSecondMax: 100,
  burstMax: 400,
  receiveTimeoutMs: 5_000,
};

/** An encoded signed part; real ones have 150 to 200 bytes, so that there is room for fields of later versions. */
export const PART_BYTES_MAX = 1_024;
/** Fields of a message, those of its parts included: a part has a dozen, and a justification two quorums of parts. */
export const ENVELOPE_FIELDS_MAX = 4_096;
/** Rounds beyond this come from nobody's clock: an epoch of one-second rounds has 400. */
export const ROUND_MAX = 10_000;
/** Messages of one peer that wait for our `agree` of one duty, oldest dropped first: six rounds of a correct operator. */
export const EARLY_MESSAGES_MAX = 24;
/**
 * The values of a message are read at once when they are so long together, in some four milliseconds; else in pieces, with
 * everything else in between: one of 30 MB takes 0.4 s, and one of 3 MB, as a block with all its blobs has, 40 ms.
 */
export const READ_AT_ONCE_BYTES_MAX: number = 256 * 1024;
/** What is fingerprinted in one go, in one to six milliseconds. */
export const FINGERPRINT_PIECE_BYTES: number = 2 * 1024 * 1024;
/** Bytes of values that one peer may make us read and keep for one duty. A correct peer names one or two values. */
export const VALUE_BYTES_PER_PEER_MAX = 64 * 1024 * 1024;
/** Values that one peer may make us read for one duty: its own of eight rounds, and those that its justifications name. */
export const VALUES_PER_PEER_MAX = 32;
/**
 * Bytes of values that one peer may make us read and keep over all duties. A peer is charged for what it is the first to
 * send. Attesters and aggregators live an epoch: with 64 slots of 5 000 validators that is some 30 MB; a few blocks come
 * on top. Hashing a megabyte takes 13 ms, so this also bounds the time that a peer can take from us.
 */
export const VALUE_BYTES_OF_ALL_DUTIES_MAX = 128 * 1024 * 1024;
/** Instances that exist only because a peer spoke of them and that we have not joined, per peer; an epoch has 70. */
export const EARLY_INSTANCES_PER_PEER_MAX = 128;
/** Signed parts remembered as verified, about 4 MB; a slot needs a few dozen. */
export const VERIFIED_MAX = 20_000;
/** A reason to drop a peer's messages is logged once in this time, with a count. */
export const DROP_LOG_WINDOW_MS = 60_000;
