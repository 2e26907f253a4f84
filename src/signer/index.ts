/**
 * The built-in signer: this node's key shares from Charon's keystore folder, each checked against the lock, and the
 * threads that combine and verify signatures. Signs what it is asked to; what may be signed is decided before it is asked.
 */
export { type BlsThreads, createBlsThreads } from "./bls-threads.ts";
export { createKeystoreSigner } from "./keystore-signer.ts";
export { type KeyShares, loadKeystores, SignerError } from "./shares.ts";
