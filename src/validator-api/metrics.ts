import type { Meter } from "../ports/index.ts";

/** What this room measures. Names and labels are Charon's where it exports the same figure. */
export interface ApiMetrics {
  /** Seconds that a request took. */
  took(route: string, seconds: number): void;
  failed(route: string, status: number): void;
  received(route: string, contentType: string): void;
  client(name: string): void;
  proxied(path: string, seconds: number): void;
  streams(open: number): void;
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(meter: Meter): ApiMetrics {
  const latency = meter.histogram(
    "core_validatorapi_request_latency_seconds",
    "Seconds to answer a validator client, by endpoint",
    ["endpoint"],
    SECONDS,
  );
  const proxy = meter.histogram(
    "core_validatorapi_proxy_request_latency_seconds",
    "Seconds to pass a request on to the beacon node and its answer back",
    ["path"],
    SECONDS,
  );
  const errors = meter.counter(
    "core_validatorapi_request_error_total",
    "Requests of validator clients that were refused or failed",
    ["endpoint", "status_code"],
  );
  const requests = meter.counter(
    "core_validatorapi_request_total",
    "Requests of validator clients, by the form of their bodies",
    ["endpoint", "content_type"],
  );
  const agent = meter.gauge(
    "core_validatorapi_vc_user_agent",
    "Gauge with label set to the kind of validator client that asked last",
    ["user_agent"],
  );
  const streams = meter.gauge("trireme_validatorapi_streams", "Event streams that are open");
  let last: string | undefined;
  return {
    took: (endpoint, seconds) => latency.observe(seconds, { endpoint }),
    failed: (endpoint, status) => errors.add(1, { endpoint, status_code: String(status) }),
    received: (endpoint, content_type) => requests.add(1, { endpoint, content_type }),
    proxied: (path, seconds) => proxy.observe(seconds, { path }),
    streams: (open) => streams.set(open),
    client(name) {
      if (name === last) return;
      if (last !== undefined) agent.set(0, { user_agent: last });
      agent.set(1, { user_agent: name });
      last = name;
    },
  };
}

/**
 * The first three parts of a forwarded path that exists in the API, for a label from a small set: whoever asks for
 * thousands of paths that do not exist makes no thousands of series.
 */
export function pathLabel(path: string): string {
  const match = /^\/eth\/v\d\/(beacon|config|debug|events|node|validator)(?:\/([a-z_]{1,30}))?/.exec(path);
  if (match === null) return "other";
  return match[2] === undefined || !FAMILIES.has(match[2]) ? (match[1] as string) : `${match[1]}_${match[2]}`;
}

const FAMILIES: ReadonlySet<string> = new Set([
  "blocks",
  "headers",
  "states",
  "pool",
  "rewards",
  "blob_sidecars",
  "health",
  "identity",
  "peers",
  "peer_count",
  "syncing",
  "liveness",
  "beacon_committee_subscriptions",
  "sync_committee_subscriptions",
]);
