/**
 * Jobs or signatures that are done in the calling thread at once. Two take about 2 ms when all is well and 10 ms when
 * partials are bad: less than it costs to start a thread, and within the time the event loop can spare (bench/crypto.ts).
 */
export const INLINE_ITEMS_MAX = 2;

/** Below this many one thread does them all: every part of a batch costs two pairings of its own. */
export const SPLIT_ITEMS_MIN = 32;

/** A thread that dies again and again is not started again: the work goes on in the calling thread, in pieces. */
export const RESTARTS_MAX = 5;

/** Validators named in one error or log line; the count says how many there are. */
export const NAMED_MAX = 5;
