import type { NotReady } from "../telemetry/index.ts";
import type { Watched } from "./wire-monitoring.ts";

/** Why duties cannot be done now, the gravest reason first. */
export function readiness({
  stopping,
  duties,
  beacon,
  p2p,
  cluster,
  shares,
  validatorApi,
  watch,
}: Watched): readonly NotReady[] {
  const reasons: NotReady[] = [];
  const { memory } = duties.status();
  if (stopping.aborted) reasons.push("stopping");
  if (memory === "doubted") reasons.push("slashing memory doubted");
  if (memory === "unavailable") reasons.push("slashing memory unavailable");
  const nodes = beacon.status();
  if (!nodes.some(({ usable }) => usable))
    reasons.push(
      nodes.some(({ reachable, chain }) => reachable && chain === "ours")
        ? "beacon node not synced"
        : "beacon node down",
    );
  if (p2p.transport.connected().length + 1 < cluster.threshold) reasons.push("quorum peers not connected");
  if (shares === 0) reasons.push("key shares missing");
  if (shares === undefined && validatorApi()?.connected() !== true) reasons.push("vc not connected");
  if (watch.status !== undefined) reasons.push("watching for a double");
  return reasons;
}
