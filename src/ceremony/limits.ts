import type { ProtocolLimits } from "../ports/index.ts";

/** The caps of this room, each with its reason. Sizes in bytes, times in milliseconds. */

/** A message of 65,536 validators with 10 operators, signatures included, stays below; as much as Charon takes. */
export const MESSAGE_BYTES_MAX = 128 * 1024 * 1024;
/** A frame of the sync protocol carries a signature, a version, a nickname, or a reason for a failure. */
export const SYNC_FRAME_BYTES_MAX = 64 * 1024;
/** Text of a peer's failure that is shown. */
export const REASON_CHARACTERS_MAX = 400;
/** News is told at once; between, a message at this pace shows that we are there. Charon's pace, 100 ms, costs 2% of a core. */
export const SYNC_PERIOD_MS = 500;
/** How long a peer may be silent on the sync channel before it counts as gone and the channel is opened anew. */
export const SYNC_SILENCE_MS = 10_000;
/** Pause before a channel is opened or a message sent again. */
export const RETRY_MS = 500;
/** How long we wait for a message to come by itself before we ask a Trireme for it again. */
export const ASK_AGAIN_MS = 2_000;
/** After our restart, how long a Charon may take for a message that it may have sent while we were down. */
export const CHARON_PATIENCE_MS = 60_000;
/** After our restart, how long a Charon that is not there may be on its way back: by then its own ceremony has timed out. */
export const CHARON_GONE_MS = 120_000;
/** How long, after everyone has stored everything, peers are given to say goodbye; as Charon's. */
export const GOODBYE_MS = 120_000;
/** A peer that has been away for so long then is not waited for: it has all that it needs, and so have we. */
export const GONE_MS = 10_000;
/** How long a node that ends a failed ceremony goes on telling others why. */
export const LAST_WORDS_MS = 3_000;
/** What everybody may have to say must fit in, else a ceremony is not begun; it is read whole, and so long in memory, too. */
export const JOURNAL_BYTES_MAX = 1024 * 1024 * 1024;
/** A peer's clock that is further from ours than this is worth a warning. */
export const CLOCK_OFFSET_WARN_MS = 2_000;
/** What one peer has to say in a ceremony, with room to spare; more of it is taken in neither into memory nor into the journal. */
export interface MailMax {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Pedersen has four messages of a peer for each validator, and all else together some hundred. A deal takes about 270 bytes
 * for each operator, a partial signature 340 for each of lock, registration and deposits.
 */
export function mailMax(of: {
  readonly validators: number;
  readonly operators: number;
  readonly depositAmounts: number;
}): MailMax {
  const bytesPerValidator = 1_024 + 512 * (of.operators + of.depositAmounts + 2);
  return { messages: 512 + 4 * of.validators, bytes: 1024 * 1024 + of.validators * bytesPerValidator };
}

/** How often a peer may begin anew before the first step; each time is in the journal. */
export const BEGINNINGS_MAX = 100;
/** Of validators that are in the making at once among Triremes; each takes three one-way trips, and computing fills the rest. */
export const KEYS_IN_FLIGHT = 16;
/** How long an operator may take to answer a challenge; Charon answers a complaint at once, or when its phases of 20 s end. */
export const ANSWER_MS = 60_000;

/** Charon gives a broadcast a minute; a large one over a slow relay takes that long. */
export const MESSAGE_LIMITS: ProtocolLimits = {
  messageBytesMax: MESSAGE_BYTES_MAX,
  messagesPerSecondMax: 500,
  burstMax: 1_000,
  receiveTimeoutMs: 60_000,
};
/** Asking for a message again: a peer does so every two seconds for each that it waits for, and each answer may be large. */
export const ASK_LIMITS: ProtocolLimits = { ...MESSAGE_LIMITS, messagesPerSecondMax: 50, burstMax: 50 };
