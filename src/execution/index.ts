/**
 * The client of an execution node, and what it is for: asking wallets that are contracts whether they take a signature for
 * their own (ERC-1271). Verifies nothing itself, and is not needed where all wallets are keys.
 */
export { askContracts } from "./ask-contracts.ts";
export { ExecutionError } from "./errors.ts";
