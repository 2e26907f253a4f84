import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BODY_BYTES_MAX, KEEP_ALIVE_MS } from "./limits.ts";
import { ChainError } from "./options.ts";

/** A listening server. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** Closes the port and every connection, event streams included. */
  close(): Promise<void>;
}

/** Puts a request handler on a TCP port. @throws ChainError `chain/cannot-listen`. */
export async function serve(
  handle: (request: Request) => Promise<Response>,
  where: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (incoming, outgoing) => {
    exchange(handle, incoming, outgoing).catch(() => outgoing.destroy());
  });
  await listen(server, where);
  const { port } = server.address() as AddressInfo;
  return {
    host: where.host,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, where: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new ChainError("chain/cannot-listen", "open the port of the simulated chain", {
          cause,
          facts: { host: where.host, port: where.port },
          hint: "Choose another port, or 0 for any free one.",
        }),
      ),
    );
    server.listen(where.port, where.host, resolve);
  });
}

async function exchange(
  handle: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const body = await readBody(incoming);
  if (body === undefined) {
    outgoing.writeHead(413, { "content-type": "application/json", connection: "close" });
    outgoing.end(JSON.stringify({ code: 413, message: `body is larger than ${BODY_BYTES_MAX} bytes` }));
    return;
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  const request = new Request(new URL(incoming.url ?? "/", "http://chain"), {
    method: incoming.method ?? "GET",
    headers,
    signal: gone.signal,
    ...(body.length > 0 ? { body: new Uint8Array(body) } : {}),
  });
  await send(await handle(request), outgoing);
}

/** The whole body; undefined when it is too large. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const headers = Object.fromEntries(response.headers);
  if (!headers["content-type"]?.startsWith("text/event-stream")) {
    const body = Buffer.from(await response.arrayBuffer());
    outgoing.writeHead(response.status, { ...headers, "content-length": body.length });
    outgoing.end(body);
    return;
  }
  outgoing.writeHead(response.status, headers);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    // Waiting for a slow client here lets the stream's backlog fill, which ends it.
    if (!outgoing.write(part.value)) await drained(outgoing);
    if (outgoing.destroyed) return;
  }
  outgoing.end();
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      outgoing.off("drain", go);
      outgoing.off("close", go);
      resolve();
    };
    outgoing.on("drain", go);
    outgoing.on("close", go);
  });
}
