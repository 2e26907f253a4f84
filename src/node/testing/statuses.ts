import type { BeaconNodeStatus } from "../../beacon/index.ts";
import type { PeerStatus } from "../../p2p/index.ts";
import type { OperatorIndex } from "../../spec/index.ts";

/** A beacon node with which all is well, but for `over`. */
export const beaconNode = (over: Partial<BeaconNodeStatus> = {}): BeaconNodeStatus => ({
  node: "first:5052",
  version: "",
  usable: true,
  reachable: true,
  chain: "ours",
  syncDistance: 0,
  optimistic: false,
  executionOffline: false,
  peers: 50,
  latencyMs: 20,
  score: 20,
  lastError: "",
  ...over,
});

/** An operator with whom all is well, but for `over`. */
export const peer = (operator: number, over: Partial<PeerStatus> = {}): PeerStatus => ({
  operator: operator as OperatorIndex,
  peerId: "",
  connected: true,
  path: "direct",
  rttMs: 20,
  silentMs: 100,
  version: "v1",
  nickname: "",
  client: "trireme",
  clockOffsetMs: 3,
  sameLock: true,
  supported: true,
  runsTwice: false,
  lastError: undefined,
  ...over,
});
