import { AssertionFailed } from "../base/index.ts";
import type { Clock, ForwardedRequest } from "../ports/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError, reasonOf } from "./errors.ts";
import { readBody } from "./http.ts";
import { STREAM_BEGINS_MS } from "./limits.ts";
import { timeLimit } from "./time-limit.ts";

/** What of a client's request is meant for the beacon node. Credentials and the connection are not. */
const REQUEST_HEADERS = ["accept", "content-type", "eth-consensus-version", "last-event-id"];
/** What of the node's answer is meant for the client; lengths and encodings are those of our own connection. */
const ANSWER_HEADERS = [
  "cache-control",
  "content-type",
  "eth-blob-data-included",
  "eth-consensus-block-value",
  "eth-consensus-dependent-root",
  "eth-consensus-finalized",
  "eth-consensus-version",
  "eth-execution-optimistic",
  "eth-execution-payload-blinded",
  "eth-execution-payload-source",
  "eth-execution-payload-value",
  "retry-after",
];

/**
 * Sends a request as it came to one node after the other, the best first, and hands back the answer as it arrives,
 * whatever its status. The next node is asked when one cannot be reached or fails (5xx); a refusal is an answer.
 *
 * @param options.timeoutMs - How long the first bytes of an answer may take, or all of them when we want it whole. An event
 *   stream has longer: some nodes begin it with its first event.
 * @throws BeaconError `beacon/unavailable` when nobody answered; the signal's reason.
 */
export async function forward(
  endpoints: readonly Endpoint[],
  request: ForwardedRequest,
  options: { readonly clock: Clock; readonly timeoutMs: number; readonly closing: AbortSignal },
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  for (const name of REQUEST_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const { method, path, body, wholeBytesMax, forOneClient = wholeBytesMax === undefined } = request;
  const lane = forOneClient ? "passage" : "questions";
  const question = { method, path, headers, lane, ...(body === undefined ? {} : { body }) } as const;
  const stream = path.split("?")[0] === "/eth/v1/events";
  const reasons: string[] = [];
  for (const [place, endpoint] of endpoints.entries()) {
    const last = place === endpoints.length - 1;
    const limit = timeLimit(options.clock, stream ? STREAM_BEGINS_MS : options.timeoutMs, []);
    const either = AbortSignal.any([signal, options.closing]);
    const any = AbortSignal.any([either, limit.signal]);
    try {
      const answer = await endpoint.open(question, any);
      if (answer.status >= 500 && answer.status !== 501 && !last) {
        reasons.push(`${endpoint.name}: ${answer.status}`);
        await answer.body?.cancel();
        continue;
      }
      const passed =
        wholeBytesMax === undefined
          ? answer.body
          : new Uint8Array(await readBody(answer, { bytesMax: wholeBytesMax }, any));
      return new Response(hasBody(answer.status) ? passed : null, {
        status: answer.status,
        headers: pick(answer.headers),
      });
    } catch (error) {
      limit.end(); // Whatever of an answer is still on its way is let go of.
      if (error instanceof AssertionFailed) throw error;
      if (either.aborted) throw either.reason;
      endpoint.record.failed();
      endpoint.lastError = reasonOf(error);
      reasons.push(`${endpoint.name}: ${endpoint.lastError}`);
    } finally {
      limit.release(); // The answer is here or has begun: a long one, or one for a slow reader, may take its time.
    }
  }
  throw new BeaconError("beacon/unavailable", "forward a request to the beacon node", {
    facts: { path: (path.split("?")[0] as string).slice(0, 120), reasons },
    hint: "Start it, or check --beacon-node-endpoints.",
  });
}

/** A status that forbids a body makes `Response` throw when there is one. */
const hasBody = (status: number): boolean => ![204, 205, 304].includes(status);

function pick(headers: Headers): Headers {
  const kept = new Headers();
  for (const name of ANSWER_HEADERS) {
    const value = headers.get(name);
    if (value !== null) kept.set(name, value);
  }
  return kept;
}
