import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DvError, explain } from "../base/index.ts";
import { ConnectionCap, isOwnHost, readAddress } from "../http/index.ts";
import type { DutyRecord, Logger } from "../ports/index.ts";
import type { DutyDigests } from "./duty-digest.ts";
import {
  DUTIES_CHARACTERS_MAX,
  DUTIES_PER_ANSWER_MAX,
  METRICS_REUSED_MS,
  MONITORING_ANSWER_TIMEOUT_MS,
  MONITORING_CONNECTIONS_MAX,
  MONITORING_HEADER_BYTES_MAX,
  MONITORING_REQUEST_TIMEOUT_MS,
  MONITORING_STALL_MS,
} from "./limits.ts";
import type { ExposedMeter } from "./meter.ts";
import { telemetryMetrics } from "./metrics.ts";
import { type NotReady, readinessCode } from "./readiness.ts";

export class TelemetryError extends DvError<"telemetry/cannot-listen"> {}

export interface MonitoringOptions {
  /** "host:port", "[::1]:port" or ":port"; port 0 takes a free one. */
  readonly address: string;
  readonly meter: ExposedMeter;
  /** Why the node is not ready, the gravest reason first; empty when it is. */
  readonly ready: () => readonly NotReady[];
  /** Anything that can be JSON, for `/status`. */
  readonly status: () => unknown;
  /** Recent duties, latest first, for `/duties`. */
  readonly duties?: (limit: number) => readonly DutyRecord[] | Promise<readonly DutyRecord[]>;
  /** Duties in few words that changed since an earlier answer, for `/duties?digest`. */
  readonly digests?: (since: string) => DutyDigests;
  /** What else is served, by path: the dashboard. */
  readonly pages?: ReadonlyMap<string, Page>;
  readonly log: Logger;
  /** How long a client may neither ask nor read; default: that of limits.ts. */
  readonly stallMs?: number;
}

/** A file as a browser gets it; it stays the same for as long as the node runs. */
export interface Page {
  readonly type: string;
  readonly body: Uint8Array;
  /** Changes with the body, in quotes. */
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Monitoring {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}
type Route = (url: URL, request: IncomingMessage) => Answer | Promise<Answer>;

/**
 * Serves `/metrics`, `/livez`, `/readyz` (200 or 500, as Charon), `/status`, `/duties` and pages. Reads only; no request
 * can change anything, and none can stop it.
 *
 * @throws HttpError `http/bad-address`; TelemetryError `telemetry/cannot-listen`
 */
export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const routes = routesOf(options);
  const { host, port } = readAddress(options.address);
  const cap = new ConnectionCap(MONITORING_CONNECTIONS_MAX);
  const server = createServer(
    {
      maxHeaderSize: MONITORING_HEADER_BYTES_MAX,
      headersTimeout: MONITORING_REQUEST_TIMEOUT_MS,
      requestTimeout: MONITORING_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      cap.busy(request.socket, response);
      void serve(routes, request, response, options.log);
    },
  );
  server.setTimeout(options.stallMs ?? MONITORING_STALL_MS); // Node then ends the connection.
  server.on("connection", (socket) => cap.add(socket));
  server.on("clientError", (_, socket) => socket.destroy());
  await listen(server, host, port, options.address);
  server.on("error", (error) => options.log.warn("Monitoring server failed", { why: explain(error) }));
  return {
    host,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function routesOf(options: MonitoringOptions): ReadonlyMap<string, Route> {
  const { meter, ready, status, duties, digests, pages, log } = options;
  const { readyz } = telemetryMetrics(meter);
  const metrics = reused(METRICS_REUSED_MS, () => {
    readyz.set(readinessCode(ready()));
    return meter.text();
  });
  const routes: Record<string, Route> = {
    "/metrics": async () => ({ status: 200, type: meter.contentType, body: await metrics() }),
    "/livez": () => text(200, "ok"),
    "/readyz": () => {
      const reasons = ready();
      return reasons.length === 0 ? text(200, "ok") : text(500, reasons.join("\n"));
    },
    "/status": () => json(JSON.stringify(status())),
  };
  if (duties !== undefined) {
    routes["/duties"] = async (url) => {
      if (digests !== undefined && url.searchParams.has("digest"))
        return json(JSON.stringify(digests(url.searchParams.get("since") ?? "")));
      const limit = Number(url.searchParams.get("limit") ?? 50);
      const fits = Number.isSafeInteger(limit) && limit > 0 && limit <= DUTIES_PER_ANSWER_MAX;
      if (!fits) return text(400, `limit must be from 1 to ${DUTIES_PER_ANSWER_MAX}`);
      return json(asManyAsFit(await duties(limit), DUTIES_CHARACTERS_MAX));
    };
  }
  for (const [path, page] of pages ?? []) routes[path] = (_, request) => serveOf(page, request);
  log.debug("Monitoring routes", { routes: Object.keys(routes) });
  return new Map(Object.entries(routes));
}

/** The browser keeps a page and asks each time whether it is still the same, so that a new version shows at once. */
function serveOf({ type, body, etag, headers }: Page, request: IncomingMessage): Answer {
  const isKnown = request.headers["if-none-match"]?.includes(etag) === true;
  return {
    status: isKnown ? 304 : 200,
    type,
    body: isKnown ? "" : body,
    headers: { ...headers, etag, "cache-control": "no-cache" },
  };
}

/** A JSON list of the first items, within a bound: the story of one duty of 3,000 validators takes 20 kB. */
function asManyAsFit(items: readonly unknown[], charactersMax: number): string {
  const texts: string[] = [];
  let characters = 0;
  for (const item of items) {
    const text = JSON.stringify(item);
    characters += text.length + 1;
    if (characters > charactersMax) break;
    texts.push(text);
  }
  return `[${texts.join()}]`;
}

async function serve(
  routes: ReadonlyMap<string, Route>,
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<void> {
  request.resume(); // A body is of no interest.
  response.on("error", () => {}); // The reader went away.
  try {
    send(request, response, await within(MONITORING_ANSWER_TIMEOUT_MS, answer(routes, request)));
  } catch (error) {
    log.warn("Monitoring request failed", { path: request.url ?? "", why: explain(error) });
    send(request, response, text(503, "unavailable"));
  }
}

async function answer(routes: ReadonlyMap<string, Route>, request: IncomingMessage): Promise<Answer> {
  const { host } = request.headers;
  if (!isOwnHost(host, request.socket.localAddress))
    return text(421, "not served under this name; ask for localhost, or have the proxy send Host: localhost");
  if (isOfForeignPage(request)) return text(403, "not served to other pages");
  const url = URL.parse(request.url ?? "", "http://monitoring");
  const route = url === null ? undefined : routes.get(url.pathname);
  if (url === null || route === undefined)
    return text(404, `not found; there is ${[...routes.keys()].join(", ")}`);
  if (request.method !== "GET" && request.method !== "HEAD") return text(405, "only GET");
  return route(url, request);
}

/**
 * Whether another site's page asks, through the browser of somebody who can reach this port. It may not read the answer, but
 * thousands of them would keep this node from its work. A link to the dashboard may stand anywhere.
 */
function isOfForeignPage({ headers }: IncomingMessage): boolean {
  const { "sec-fetch-site": site, "sec-fetch-mode": mode } = headers;
  return site !== undefined && site !== "same-origin" && site !== "none" && mode !== "navigate";
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body, headers }: Answer,
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    "content-type": type,
    // Of a page that the browser has, the length would be that of the page.
    ...(status === 304 ? {} : { "content-length": Buffer.byteLength(body) }),
    "x-content-type-options": "nosniff",
    // Nothing here is for the pages of others.
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    ...headers,
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function json(body: string): Answer {
  return { status: 200, type: "application/json", body };
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}

/** One run of `make` for all who ask while it runs and shortly after. */
function reused<T>(ms: number, make: () => Promise<T>): () => Promise<T> {
  let current: { readonly at: number; readonly value: Promise<T> } | undefined;
  return () => {
    const at = performance.now();
    if (current === undefined || at - current.at > ms) current = { at, value: make() };
    return current.value;
  };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function listen(server: Server, host: string, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new TelemetryError("telemetry/cannot-listen", "open the monitoring address", {
          cause,
          facts: { address },
          hint: "Another program may use the port, or the address is not this machine's.",
        }),
      ),
    );
    server.listen(port, host, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}
