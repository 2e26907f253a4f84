/**
 * The client of one or several beacon nodes: who is healthy, who is asked, whose answer is the best, what an error means,
 * and events with polling behind them. Implements the port BeaconNode. Does not know what the answers are for.
 */
export {
  type BeaconNodes,
  type BeaconNodesOptions,
  createBeaconNodes,
} from "./beacon-nodes.ts";
export { BeaconError } from "./errors.ts";
export type { HttpCall } from "./http.ts";
export { type BeaconNodeStatus, whyUnusable } from "./status.ts";
