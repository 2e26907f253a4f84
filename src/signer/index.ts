/**
 * The built-in signer: this node's key shares from Charon's keystore folder, each checked against the lock. Signs what it
 * is asked to; what may be signed is decided before it is asked.
 */
export { createKeystoreSigner } from "./keystore-signer.ts";
export { type KeyShares, loadKeystores } from "./shares.ts";
