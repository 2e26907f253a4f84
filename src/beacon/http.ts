import { Agent, request } from "undici";
import { BeaconError } from "./errors.ts";

/** One HTTP exchange as the room sees it; the simulator and tests pass their own. */
export type HttpCall = (request: HttpRequest) => Promise<HttpAnswer>;

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A call over the network with connections kept open. Redirects are not followed: a beacon API has none. */
export function networkHttp(): { readonly call: HttpCall; close(): Promise<void> } {
  const agent = new Agent({ keepAliveTimeout: 30_000, connections: 64, pipelining: 1 });
  const call: HttpCall = async ({ method, url, headers, body, signal }) => {
    const answer = await request(url, {
      method,
      headers: { ...headers },
      signal,
      dispatcher: agent,
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(body === undefined ? {} : { body }),
    });
    const flat: Record<string, string> = {};
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
    return { status: answer.statusCode, headers: flat, body: answer.body };
  };
  return { call, close: () => agent.destroy() };
}

/**
 * Reads a body up to a bound.
 *
 * @throws BeaconError `beacon/bad-answer` when it is longer.
 */
export async function readBody(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > bytesMax)
      throw new BeaconError("beacon/bad-answer", "read the beacon node's answer", { facts: { bytesMax } });
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
