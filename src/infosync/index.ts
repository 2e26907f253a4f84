/**
 * What all operators can do: once an epoch each tells the others which versions, protocols and kinds of proposal it knows,
 * and consensus settles what a threshold of them share (Charon's priority protocol with its info-sync topics). Owns the
 * messages, the calculation and the results by slot. Does not know what follows from a result.
 */
export { InfoSync, type InfoSyncOptions, type Offer } from "./infosync.ts";
export { canonicaliseResult, PRIORITY_PROTOCOLS } from "./wire.ts";
