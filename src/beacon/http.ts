import { Agent, fetch } from "undici";
import { bad } from "./errors.ts";
import { CONNECTIONS_MAX } from "./limits.ts";

/**
 * Which connections a request takes, so that whoever takes many takes them from his like only: our duties; questions of the
 * validator API, which end in time; what is passed on to a client, which lasts as long as the client and the node like.
 */
export type Lane = "duties" | "questions" | "passage";
/** How a request leaves this room. The simulator and tests pass their own; its answer may be late, wrong, huge, or never come. */
export type HttpCall = (request: Request, lane?: Lane) => Promise<Response>;

/** Calls over the network with connections kept open. A redirect is handed back as it is: a beacon API has none. */
export function networkHttp(): { readonly call: HttpCall; close(): Promise<void> } {
  // Time limits are ours (a clock and a signal), so that they hold for every implementation alike.
  const newAgent = (): Agent =>
    new Agent({
      keepAliveTimeout: 30_000,
      connections: CONNECTIONS_MAX,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const agents: Readonly<Record<Lane, Agent>> = {
    duties: newAgent(),
    questions: newAgent(),
    passage: newAgent(),
  };
  const call: HttpCall = async (request, lane = "duties") => {
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const once = (): Promise<unknown> =>
      fetch(request.url, {
        method: request.method,
        headers: Object.fromEntries(request.headers),
        signal: request.signal,
        redirect: "manual",
        dispatcher: agents[lane],
        ...(body === undefined ? {} : { body }),
      });
    const answer = await once().catch((error: unknown) => {
      if (request.signal.aborted || !hungUp(error)) throw error;
      return once();
    });
    return answer as Response;
  };
  return {
    call,
    close: async () => void (await Promise.all(Object.values(agents).map((agent) => agent.destroy()))),
  };
}

/**
 * The other side closed the connection before it said anything: it was kept open between two requests, and the node had
 * enough of it just then. Nothing is wrong with the node, and every request of the beacon API may be made twice.
 */
function hungUp(error: unknown): boolean {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { code?: unknown };
  return code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
}

/**
 * Reads a body up to a bound, and stops when the signal fires even when the sender goes on.
 *
 * @param options.cut - Return what fits instead of failing.
 * @throws BeaconError `beacon/bad-answer` when it is longer; the signal's reason.
 */
export async function readBody(
  response: Response,
  options: { readonly bytesMax: number; readonly cut?: boolean },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooLong = (): Error => bad("body", `at most ${options.bytesMax} bytes`);
  // An announced length is refused before the first byte has come.
  if (options.cut !== true && Number(response.headers.get("content-length")) > options.bytesMax) {
    await response.body?.cancel();
    throw tooLong();
  }
  const parts: Uint8Array[] = [];
  let left = options.bytesMax;
  for await (const part of partsOf(response, signal)) {
    if (part.length > left) {
      if (options.cut !== true) throw tooLong();
      parts.push(part.subarray(0, left));
      break;
    }
    left -= part.length;
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** The parts of a body as they arrive. Leaving early, by `break` or by the signal, lets go of the connection. */
export async function* partsOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const letGo = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", letGo, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", letGo);
    letGo();
  }
}
