import { existsSync } from "node:fs";
import { createNodeKey, encodeEnr, loadNodeKey } from "../cluster/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { createRouter, json, notFound, readAddress, serve } from "../http/index.ts";
import { type RelayServer, startRelayServer } from "../p2p/index.ts";
import { createMeter, startMonitoring } from "../telemetry/index.ts";
import type { RunConfig } from "./config.ts";
import { relayMetrics } from "./metrics.ts";
import { Running } from "./running.ts";
import { version } from "./version.ts";
import { makeLogger } from "./wire-logger.ts";
import { announced } from "./wire-p2p.ts";

/** Everything that a relay needs to know. */
export interface RelayConfig
  extends Pick<RunConfig, "privateKeyFile" | "p2pTcpAddresses" | "p2pExternalIp" | "p2pExternalHostname"> {
  /** Make the key when there is none. */
  readonly makeKey: boolean;
  /** "host:port" where nodes ask for its addresses; "" for nowhere. */
  readonly httpAddress: string;
  /** "host:port" of /metrics; "" for none. */
  readonly monitoringAddress: string;
  readonly tellPrivate: boolean;
  readonly connectionsMax: number;
  readonly connectionsPerHostMax: number;
  readonly logLevel: RunConfig["logLevel"];
  readonly logFormat: RunConfig["logFormat"];
  readonly logColor: RunConfig["logColor"];
}

/** What one visitor of the HTTP side can hold; its answers have a few hundred bytes. */
const HTTP_LIMITS = {
  bodyBytesMax: () => 1_024,
  bodiesBytesMax: 1024 * 1024,
  connectionsMax: 1_024,
  receiveTimeoutMs: 5_000,
  stallMs: 10_000,
  keepAliveMs: 60_000,
} as const;
/** How often the gauges are read off. */
const MEASURE_EVERY_MS = 5_000;

/** Runs a relay until `signal` fires. @throws DvError of the part that could not start, with what to do. */
export async function runRelay(config: RelayConfig, signal: AbortSignal): Promise<void> {
  const meter = createMeter({ charon_version: version });
  const log = makeLogger(config, meter).room("relay");
  const key = await relayKey(config);
  const relay = await startRelayServer({
    privateKey: key.revealBytes(),
    listen: config.p2pTcpAddresses,
    announce: announced(config),
    tellPrivate: config.tellPrivate,
    connectionsMax: config.connectionsMax,
    connectionsPerHostMax: config.connectionsPerHostMax,
    agent: `trireme-relay/${version}`,
  });
  const { connections, reservations } = relayMetrics(meter);
  const measure = (): void => {
    const status = relay.status();
    connections.set(status.connections);
    reservations.set(status.reservations);
  };
  const timer = setInterval(measure, MEASURE_EVERY_MS);
  const running = new Running();
  running.add(() => relay.stop());
  try {
    if (config.httpAddress !== "") {
      const handler = addressHandler(relay, key);
      const listening = await serve((request) => handler.dispatch(request, {}), {
        ...readAddress(config.httpAddress),
        limits: HTTP_LIMITS,
      });
      running.add(() => listening.close());
    }
    if (config.monitoringAddress !== "") {
      const monitoring = await startMonitoring({
        address: config.monitoringAddress,
        meter,
        ready: () => [],
        status: () => ({ version, peerId: relay.peerId, addresses: relay.addresses(), ...relay.status() }),
        log,
      });
      running.add(() => monitoring.close());
    }
    const addresses = relay.addresses();
    if (addresses.length === 0)
      log.warn("No address to tell nodes: none of this machine's is public", {
        hint: "Give --p2p-external-ip or --p2p-external-hostname, or --p2p-advertise-private-addresses in a private network.",
      });
    log.info("Relay serves; nodes find it with --p2p-relays", {
      url: config.httpAddress === "" ? "none" : `http://${config.httpAddress}`,
      addresses,
    });
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } finally {
    clearInterval(timer);
    await running.end(log);
  }
  log.info("Stopped");
}

async function relayKey({ privateKeyFile, makeKey }: RelayConfig): Promise<NodeKey> {
  return makeKey && !existsSync(privateKeyFile) ? createNodeKey(privateKeyFile) : loadNodeKey(privateKeyFile);
}

/** `/` lists the relay's addresses, `/enr` is its record, as nodes of both programs ask for them. */
function addressHandler(relay: RelayServer, key: NodeKey): ReturnType<typeof createRouter<object>> {
  return createRouter<object>(
    [
      { method: "GET", path: "/", run: () => json(200, relay.addresses()) },
      { method: "GET", path: "/enr", run: () => new Response(enrOf(relay, key)) },
    ],
    { server: "relay" },
  );
}

function enrOf(relay: RelayServer, key: NodeKey): string {
  for (const address of relay.addresses()) {
    const [, ip, tcpPort] = /^\/ip4\/([\d.]+)\/tcp\/(\d+)\//.exec(address) ?? [];
    if (ip !== undefined)
      return encodeEnr(key, { ip: Uint8Array.from(ip.split("."), Number), tcpPort: Number(tcpPort) });
  }
  throw notFound("the relay has no IPv4 address to tell");
}
