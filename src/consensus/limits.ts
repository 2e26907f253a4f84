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

/** Messages of one peer that wait for our `agree` of one duty: six rounds of a correct operator. */
export const EARLY_MESSAGES_MAX = 24;
/** Bytes of values that one peer may make us keep for one duty. A correct peer names one or two values. */
export const VALUE_BYTES_PER_PEER_MAX = 64 * 1024 * 1024;
/** Values that one peer may make us keep for one duty: its own of eight rounds, and those that its justifications name. */
export const VALUES_PER_PEER_MAX = 32;
/**
 * Bytes of values that one peer may make us keep over all duties. Attesters and aggregators live an epoch: with 64
 * slots of 5 000 validators that is some 30 MB; a few blocks come on top.
 */
export const VALUE_BYTES_OF_ALL_DUTIES_MAX = 256 * 1024 * 1024;
/** Instances alive at once; the gate admits two epochs of slots, of which attesters live an epoch. */
export const INSTANCES_MAX = 1_024;
/** Instances that exist only because a peer spoke of them and that we have not joined, per peer. */
export const EARLY_INSTANCES_PER_PEER_MAX = 128;
