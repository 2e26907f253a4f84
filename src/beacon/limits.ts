/** A block with its blobs, as JSON. */
export const ANSWER_BYTES_MAX = 128 * 1024 * 1024;
/** The text of an error is read to this length. */
export const ERROR_BYTES_MAX = 16 * 1024;
/** One event of the event stream; a head event has 600 bytes. */
export const EVENT_BYTES_MAX = 1024 * 1024;
/** How long a further node may take to better an answer that is here already. */
export const BETTER_ANSWER_MS = 100;
export const BETTER_BLOCK_MS = 200;
/** A second node is asked after this long at the earliest, even when the first is usually quicker. */
export const HEDGE_MS_MIN = 100;
/** A node further behind than this is asked only when no other answers. */
export const SYNC_DISTANCE_MAX = 2;
