/** Pruning starts when a validator has this many votes more than are kept, so that it is rare. */
export const PRUNE_SLACK = 32;

/** Duties whose timeline is kept on disk: about a day and a half of every kind, some 20 MB. */
export const DUTIES_KEPT = 10_000;

/** A timeline beyond this is stored without its entries. */
export const DUTY_RECORD_CHARACTERS_MAX = 64 * 1024;

/** Timelines waiting for the disk; the oldest give way, since nothing depends on them. */
export const DUTIES_WAITING_MAX = 2_000;

/** The store for small things is for small things. */
export const NOTE_BYTES_MAX = 1024 * 1024;
export const NOTES_MAX = 10_000;
export const NOTE_KEY_CHARACTERS_MAX = 200;

/** Votes in one call: 10 000 validators with an attestation each and some blocks. */
export const VOTES_PER_CALL_MAX = 20_000;

/** A write-ahead log longer than this is folded into the file even when votes are waiting. */
export const WAL_PAGES_MAX = 4_000;

/** A node that is started the moment another was killed may come before the system has let go of the other's lock. */
export const FOLDER_LOCK_PATIENCE_MS = 500;
