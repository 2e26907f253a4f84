import type { ProtocolLimits } from "../ports/index.ts";

/**
 * Real messages have 2 KB, once an epoch; Charon refuses a thousand priorities of a topic. Each priority is hashed when it comes and
 * again when the result is judged: of 256 KB, some 50 ms.
 */
export const PRIORITY_LIMITS: ProtocolLimits = {
  messageBytesMax: 32 * 1024,
  messagesPerSecondMax: 1,
  burstMax: 8,
  receiveTimeoutMs: 5_000,
};
/** A result has the messages of all operators and what follows from them, which is less than they say. */
export const RESULT_BYTES_PER_OPERATOR_MAX: number = 2 * 32 * 1024;
/** Fields of a result, those inside of others included: real ones have a hundred for each operator. Some ten milliseconds. */
export const RESULT_FIELDS_MAX: number = 16 * 1024;
/** A topic must have fewer priorities than this (Charon's bound). */
export const PRIORITIES_MAX = 1_000;
/** Three are in use. */
export const TOPICS_MAX = 16;
/** How long we wait for slow operators before we propose what we have: half a slot, as Charon does on mainnet. */
export const EXCHANGE_SHARE_OF_SLOT = 1 / 2;
/** How much too early, by our clock, a peer may begin; its question waits until we begin too. */
export const EARLY_MS = 5_000;
/** Results that are kept, one an epoch. */
export const RESULTS_MAX = 100;
