/**
 * What the calling thread does in one go, counted in signatures that must be judged one by one when something is wrong: a
 * job counts its public shares, a signature counts one. The worst measured was 1.9 ms each (two jobs of four operators
 * who all lie: 15 ms; two of ten with three liars: 21 ms), so ten keep the event loop within the 20 ms it can spare.
 */
export const INLINE_WEIGHT_MAX = 10;

/** And no more items than this: two take about 2 ms when all is well, little more than the way to a thread and back. */
export const INLINE_ITEMS_MAX = 2;

/**
 * Combinations that the calling thread tries as one batch before a thread is asked, each counted as the cube of its
 * operators, since coefficients grow with them: 16 of four operators, 2 of seven. Sixteen took 4 ms over one root, 11 ms
 * with the dearest set of shares, 15 ms with a root each besides; a liar makes a batch fail, not last longer. A cluster of
 * 16 validators then never starts a thread, which would take 16 MB.
 */
export const HONEST_WEIGHT_MAX: number = 16 * 4 ** 3;

/**
 * As long as there is no thread, so many such batches are done here, one in each turn of the event loop: the selection proofs of
 * 16 validators that all sit in the sync committee are two. A whole slot of a large cluster is more, and pays for its thread.
 */
export const HONEST_BATCHES_MAX = 4;

/** The same while a thread is there without work, and costs nothing more: 4 ms of the calling thread are then worth sparing. */
export const HONEST_WEIGHT_BESIDE_THREAD: number = 4 * 4 ** 3;

/** Below this many one thread does them all: every part of a batch costs two pairings of its own. */
export const SPLIT_ITEMS_MIN = 32;

/** A thread that dies again and again is not started again: the work goes on in the calling thread, in pieces. */
export const RESTARTS_MAX = 5;

/** Validators named in one error or log line; the count says how many there are. */
export const NAMED_MAX = 5;

/**
 * How long the calling thread signs in one go. The event loop must never stand still for 20 ms (design, section 4), and a piece
 * takes a fifth of that: the same round of the loop may also read a large message, collect garbage, and encode what was signed.
 */
export const PIECE_MS = 4;
