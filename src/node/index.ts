/**
 * Builds a running node from a configuration: who it is, what it is made of, and the order in which its parts start and
 * stop. Decides nothing about duties.
 */

export type { BeaconNodes } from "../beacon/index.ts";
export type { ValidatorRecord } from "../ports/index.ts";
export type { ChainSpec } from "../spec/index.ts";
export { createLogger } from "../telemetry/index.ts";

import type { AddressKind } from "./check-address.ts";

export type { AddressKind } from "./check-address.ts";
export { systemClock } from "./clock.ts";
export type { RunConfig } from "./config.ts";
export type { Finding } from "./findings.ts";
export { LEAN_ENVIRONMENT, LEAN_FLAGS } from "./lean.ts";
export { addressBookFile, ownFolder, slashingDatabase } from "./paths.ts";
export type { Verdict } from "./preflight.ts";
export type { CeremonyConfig, CeremonyWatch } from "./run-ceremony.ts";
export type { RelayConfig } from "./run-relay.ts";
export type { NodeStatus, StartingStatus } from "./status.ts";
export { version } from "./version.ts";

// Each program is loaded when it runs: a ceremony needs no duties, which take 200 ms of CPU to load, and the version nothing of it.

/** Looks at everything that `run` leans on. */
export const preflight: typeof import("./preflight.ts").preflight = async (...how) =>
  await (await import("./preflight.ts")).preflight(...how);

/** Asks beacon nodes something outside of a running node. */
export const withBeaconNodes: typeof import("./with-beacon-nodes.ts").withBeaconNodes = async (...how) =>
  await (await import("./with-beacon-nodes.ts")).withBeaconNodes(...how);

/** This operator's key shares, those that are there. @throws SignerError, ClusterError */
export const loadKeyShares = async (
  ...[folder, cluster, self]: Parameters<LoadKeystores>
): ReturnType<LoadKeystores> =>
  await (await import("../signer/index.ts")).loadKeystores(folder, cluster, self, { allowMissing: true });
type LoadKeystores = typeof import("../signer/index.ts").loadKeystores;

/** Whether an address can be used; nothing is opened. @throws P2pError, HttpError with how to write it */
export const checkAddress = async (kind: AddressKind, text: string): Promise<void> =>
  (await import("./check-address.ts")).checkAddress(kind, text);

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
