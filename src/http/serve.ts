import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { DvError, readInput } from "../base/index.ts";
import { ConnectionCap } from "./connection-cap.ts";
import { answerToForeignPage } from "./foreign-page.ts";
import { refusal } from "./router.ts";

export class HttpError extends DvError<"http/bad-address" | "http/cannot-listen" | "http/bad-certificate"> {}

/** A listening server. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Closes the port and every connection, event streams included. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM files. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Nothing here is for browsers: a request that a web page may have sent is refused. */
  readonly onlyPrograms?: boolean;
  readonly limits: {
    /** Largest body of one request, by its method and path. */
    readonly bodyBytesMax: (method: string, path: string) => number;
    /**
     * Bodies of all requests that are being received or answered; the first 64 KiB of each do not count, so that whoever sends
     * large ones keeps nobody from a small one.
     */
    readonly bodiesBytesMax: number;
    readonly connectionsMax: number;
    /** How long a request may take to arrive. */
    readonly receiveTimeoutMs: number;
    /** How long a client may read nothing of what was sent to it. */
    readonly stallMs: number;
    /** How long a connection stays open between requests. */
    readonly keepAliveMs: number;
  };
}

const SMALL_BODY_BYTES = 64 * 1024;

/** Whom a request came from: one object for each connection. */
export interface Caller {
  readonly address: string;
}

type Handle = (request: Request, from: Caller) => Promise<Response>;

/** Puts a request handler on a TCP port. @throws HttpError */
export async function serve(handle: Handle, options: ServeOptions): Promise<Listening> {
  const { limits } = options;
  const bodies = { bytes: 0 };
  const callers = new WeakMap<Socket, Caller>();
  const cap = new ConnectionCap(limits.connectionsMax);
  const settings = {
    keepAliveTimeout: limits.keepAliveMs,
    headersTimeout: limits.receiveTimeoutMs,
    requestTimeout: limits.receiveTimeoutMs,
    connectionsCheckingInterval: 1_000,
  };
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    outgoing.on("error", () => {}); // The reader went away.
    cap.busy(incoming.socket, outgoing);
    const { socket } = incoming;
    const from = callers.get(socket) ?? { address: socket.remoteAddress ?? "" };
    callers.set(socket, from);
    const answered = (request: Request): Promise<Response> => handle(request, from);
    exchange({ handle: answered, options, bodies }, incoming, outgoing).catch(() => outgoing.destroy());
  };
  const server =
    options.tls === undefined
      ? createServer(settings, onRequest)
      : createTlsServer(
          { ...settings, handshakeTimeout: limits.receiveTimeoutMs, ...readTls(options.tls) },
          onRequest,
        );
  // Over TLS a connection counts once it speaks; before that its handshake has a time limit, and there are as many again.
  server.maxConnections = 2 * limits.connectionsMax;
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) =>
    cap.add(socket),
  );
  server.on("clientError", (_, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else socket.destroy();
  });
  server.on("tlsClientError", (_, socket: Socket) => socket.destroy());
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    host: options.host,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        cap.destroyAll();
      }),
  };
}

/** "host:port", "[::1]:port" or ":port", the last for all addresses. @throws HttpError `http/bad-address` */
export function readAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new HttpError("http/bad-address", "read an address to listen on", {
      facts: { address },
      hint: "Write host:port, for example 127.0.0.1:3600.",
    });
  }
  return { host: match[1] ?? (match[2] === "" || match[2] === undefined ? "0.0.0.0" : match[2]), port };
}

/** Reads a certificate and its key. @throws HttpError `http/bad-certificate` - they cannot be read, are none, or do not belong together */
export function readTls(files: Required<ServeOptions>["tls"]): {
  readonly cert: string;
  readonly key: string;
} {
  try {
    const tls = { cert: readInput(files.certificateFile), key: readInput(files.keyFile) };
    createSecureContext(tls); // Says what is wrong with them.
    return tls;
  } catch (cause) {
    throw new HttpError("http/bad-certificate", "read the TLS certificate and its key", {
      cause,
      facts: { certificate: files.certificateFile, key: files.keyFile },
      hint: "Both are PEM files that this program may read, and the key is the certificate's, without a password.",
    });
  }
}

function listen(server: Server, where: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new HttpError("http/cannot-listen", "open a port", {
          cause,
          facts: { host: where.host, port: where.port },
          hint: "Another program may use the port, or the address is not this machine's.",
        }),
      ),
    );
    server.listen(where.port, where.host, () => {
      server.removeAllListeners("error");
      server.on("error", () => {}); // A failed accept is that client's loss.
      resolve();
    });
  });
}

interface Serving {
  readonly handle: (request: Request) => Promise<Response>;
  readonly options: ServeOptions;
  readonly bodies: { bytes: number };
}

async function exchange(
  serving: Serving,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { limits, onlyPrograms = false, tls } = serving.options;
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort(new Error("the client has gone")));
  const url = URL.parse(`http://server${incoming.url?.startsWith("/") === true ? incoming.url : "/"}`);
  const method = incoming.method ?? "GET";
  if (url === null) return send(refusal(400, "the path cannot be read"), outgoing, limits.stallMs);
  const foreign = onlyPrograms ? answerToForeignPage(incoming, { tls: tls !== undefined }) : undefined;
  if (foreign !== undefined) {
    outgoing.setHeader("connection", "close"); // Its body is not read.
    return send(foreign, outgoing, limits.stallMs);
  }
  const body = await readBody(serving, incoming, limits.bodyBytesMax(method, url.pathname));
  try {
    if (!body.whole) {
      outgoing.setHeader("connection", "close");
      return await send(refusal(body.status, body.why), outgoing, limits.stallMs);
    }
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers))
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
    const carriesBody = body.bytes.length > 0 && method !== "GET" && method !== "HEAD";
    const request = new Request(url, {
      method,
      headers,
      signal: gone.signal,
      ...(carriesBody ? { body: body.bytes } : {}),
    });
    await send(await serving.handle(request), outgoing, limits.stallMs);
  } finally {
    serving.bodies.bytes -= body.counted;
  }
}

type Body = { readonly counted: number } & (
  | { readonly whole: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly whole: false; readonly status: number; readonly why: string }
);

/** The whole body, as long as it and all others under way stay within their bounds. */
async function readBody(
  { options, bodies }: Serving,
  incoming: IncomingMessage,
  bytesMax: number,
): Promise<Body> {
  const chunks: Buffer[] = [];
  let received = 0;
  let counted = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      received += chunk.length;
      const large = Math.max(0, received - SMALL_BODY_BYTES);
      bodies.bytes += large - counted;
      counted = large;
      if (received > bytesMax)
        return { whole: false, status: 413, why: `body is larger than ${bytesMax} bytes`, counted };
      if (large > 0 && bodies.bytes > options.limits.bodiesBytesMax)
        return { whole: false, status: 503, why: "too many large requests at the same time", counted };
      chunks.push(chunk);
    }
  } catch (error) {
    bodies.bytes -= counted;
    throw error;
  }
  return { whole: true, bytes: new Uint8Array(Buffer.concat(chunks)), counted };
}

/** Sends as the reader reads. One that reads nothing for a while is let go. */
async function send(response: Response, outgoing: ServerResponse, stallMs: number): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  if (!response.headers.has("content-length")) outgoing.flushHeaders();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const letGo = (): void => void reader.cancel().catch(() => {});
  outgoing.once("close", letGo);
  if (outgoing.destroyed) letGo();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(part.value)) await drained(outgoing, stallMs);
  }
  outgoing.end();
  await finished(outgoing, stallMs);
}

function drained(outgoing: ServerResponse, stallMs: number): Promise<void> {
  return untilOneOf(outgoing, ["drain", "close"], stallMs);
}

function finished(outgoing: ServerResponse, stallMs: number): Promise<void> {
  return outgoing.writableFinished ? Promise.resolve() : untilOneOf(outgoing, ["finish", "close"], stallMs);
}

/** Waits for one of the events; destroys the response when none comes in time. */
function untilOneOf(outgoing: ServerResponse, events: readonly string[], stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => outgoing.destroy(), stallMs);
    const go = (): void => {
      clearTimeout(timer);
      for (const event of events) outgoing.off(event, go);
      resolve();
    };
    for (const event of events) outgoing.on(event, go);
    if (outgoing.destroyed) go();
  });
}
