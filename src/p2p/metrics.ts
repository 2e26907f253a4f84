import type { Meter } from "../ports/index.ts";
import { InfoGauge } from "./info-gauge.ts";

/** What this room measures; all names are Charon's but the last. Whoever measures takes its figure from here. */
export function p2pMetrics(meter: Meter) {
  return {
    pingLatency: meter.histogram(
      "p2p_ping_latency_secs",
      "Round-trip time of pings to a peer, in seconds",
      ["peer"],
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),
    pingSuccess: meter.gauge(
      "p2p_ping_success",
      "1 when the latest ping came back, else 0: whether a peer is there",
      ["peer"],
    ),
    pingErrors: meter.counter("p2p_ping_error_total", "Pings that did not come back", ["peer"]),
    connectionTypes: meter.gauge(
      "p2p_peer_connection_types",
      "Current number of connections by peer, type (`direct` or `relay`), and protocol",
      ["peer", "type", "protocol"],
    ),
    connections: meter.counter("p2p_peer_connection_total", "Connections opened per peer", ["peer"]),
    relays: meter.gauge("p2p_relay_connections", "Connected relays by name", ["peer"]),
    sendDuration: meter.histogram(
      "p2p_send_duration_seconds",
      "Duration of sending (one way) and of requests (round trip) by peer and protocol",
      ["peer", "protocol", "topic"],
      Array.from({ length: 18 }, (_, i) => 0.0001 * 2 ** i),
    ),
    sentBytes: meter.counter(
      "p2p_peer_network_sent_bytes_total",
      "Bytes of messages sent to the peer by protocol and transport",
      ["peer", "protocol", "transport"],
    ),
    receivedBytes: meter.counter(
      "p2p_peer_network_receive_bytes_total",
      "Bytes of messages received from the peer by protocol and transport",
      ["peer", "protocol", "transport"],
    ),
    violations: meter.counter(
      "trireme_p2p_violations_total",
      "Messages and streams of a peer that were dropped, by reason",
      ["peer", "reason", "protocol"],
    ),
  };
}

/** What peers say about themselves. */
export function peerinfoMetrics(meter: Meter) {
  const info = (name: string, what: string, label: string): InfoGauge =>
    new InfoGauge(
      meter.gauge(`app_peerinfo_${name}`, `Constant gauge with a label set to the peer's ${what}`, [
        "peer",
        label,
      ]),
      label,
    );
  const gauge = (name: string, help: string): ReturnType<Meter["gauge"]> =>
    meter.gauge(`app_peerinfo_${name}`, help, ["peer"]);
  return {
    version: info("version", "version", "version"),
    gitHash: info("git_commit", "git commit hash", "git_hash"),
    nickname: info("nickname", "nickname", "peer_nickname"),
    client: info("dv_client", "distributed validator client", "dv_client"),
    clockOffset: gauge("clock_offset_seconds", "Seconds by which a peer's clock is ahead of ours"),
    versionSupport: gauge("version_support", "1 when the peer's version is compatible with ours, else 0"),
    builderApi: gauge("builder_api_enabled", "1 when the builder API is enabled on this peer, else 0"),
    startTime: gauge("start_time_secs", "Start time of the peer in unix seconds"),
    index: gauge("index", "Index of the peer in the cluster lock"),
  };
}
