/**
 * Builds a running node from a configuration: who it is, what it is made of, and the order in which its parts start and
 * stop. Decides nothing about duties.
 */
export { createLogger } from "../telemetry/index.ts";
export { systemClock } from "./clock.ts";
export type { RunConfig } from "./config.ts";
export { LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";
export { addressBookFile, ownFolder, slashingDatabase } from "./paths.ts";
export { type CeremonyConfig, type CeremonyWatch, runCeremony } from "./run-ceremony.ts";
export { runNode } from "./run-node.ts";
export { type RelayConfig, runRelay } from "./run-relay.ts";
export type { NodeStatus } from "./status.ts";
export { version } from "./version.ts";
