/**
 * Builds a running node from a configuration: who it is, what it is made of, and the order in which its parts start and
 * stop. Decides nothing about duties.
 */
export { createLogger } from "../telemetry/index.ts";
export { systemClock } from "./clock.ts";
export type { RunConfig } from "./config.ts";
export type { Finding } from "./findings.ts";
export { LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";
export { addressBookFile, ownFolder, slashingDatabase } from "./paths.ts";
export type { CeremonyConfig, CeremonyWatch } from "./run-ceremony.ts";
export type { RelayConfig } from "./run-relay.ts";
export type { NodeStatus } from "./status.ts";
export { version } from "./version.ts";

// Each program is loaded when it runs: a ceremony needs no duties, which take 200 ms of CPU to load, and the version nothing of it.

/** The name of a node among peers: "16Uiu2HA…". */
export const peerIdText = async (publicKey: Uint8Array): Promise<string> =>
  (await import("../p2p/index.ts")).peerIdOf(publicKey).toString();

/** Runs a node until `signal` fires. */
export const runNode: typeof import("./run-node.ts").runNode = async (...how) =>
  await (await import("./run-node.ts")).runNode(...how);

/** Takes part in a ceremony until it is complete, has failed, or `signal` fires. */
export const runCeremony: typeof import("./run-ceremony.ts").runCeremony = async (...how) =>
  await (await import("./run-ceremony.ts")).runCeremony(...how);

/** Runs a relay until `signal` fires. */
export const runRelay: typeof import("./run-relay.ts").runRelay = async (...how) =>
  await (await import("./run-relay.ts")).runRelay(...how);
