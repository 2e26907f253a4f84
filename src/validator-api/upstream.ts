import { parseJson } from "../base/index.ts";
import { badRequest, RequestRefused } from "../http/index.ts";
import type { BeaconPassage, ForwardedRequest } from "../ports/index.ts";
import { ANSWER_BYTES_MAX } from "./limits.ts";

export interface JsonAnswer {
  /** The whole document. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/**
 * Asks the beacon node for a JSON document that we read ourselves. It comes whole or not at all, and within the time limits
 * of the nodes, so what waits for it may be kept and shared.
 *
 * @throws RequestRefused with the beacon node's own status and reason, or 502 when its answer is none.
 */
export async function askJson(
  beacon: BeaconPassage,
  question: Pick<ForwardedRequest, "method" | "path" | "forOneClient"> & { readonly body?: unknown },
  signal: AbortSignal,
): Promise<JsonAnswer> {
  const headers = new Headers({ accept: "application/json" });
  const request: ForwardedRequest = {
    method: question.method,
    path: question.path,
    headers,
    wholeBytesMax: ANSWER_BYTES_MAX,
    forOneClient: question.forOneClient ?? false,
    ...(question.body === undefined
      ? {}
      : { body: new Uint8Array(Buffer.from(JSON.stringify(question.body))) }),
  };
  if (question.body !== undefined) headers.set("content-type", "application/json");
  const answer = await beacon.forward(request, signal);
  const json = parse(await answer.arrayBuffer());
  if (answer.status < 200 || answer.status > 299) {
    const message = typeof json?.["message"] === "string" ? json["message"].slice(0, 300) : "no reason given";
    // A redirect, which no beacon API has, is a failure of the node and nothing that a client should follow.
    throw new RequestRefused(
      answer.status < 400 ? 502 : answer.status,
      `the beacon node answered: ${message}`,
    );
  }
  if (json === undefined) throw new RequestRefused(502, "the beacon node's answer is not JSON");
  return { json, headers: answer.headers };
}

function parse(bytes: ArrayBuffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = parseJson(Buffer.from(bytes).toString("utf8"));
    return typeof json === "object" && json !== null && !Array.isArray(json)
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** The objects of `data`. */
export function itemsOf({ json }: JsonAnswer): readonly Readonly<Record<string, unknown>>[] {
  const { data } = json;
  if (!Array.isArray(data) || data.some((item) => typeof item !== "object" || item === null))
    throw new RequestRefused(502, "the beacon node's answer has no list of objects in data");
  return data as Record<string, unknown>[];
}

/** Without it clients cannot tell whether duties still hold, and what is kept must not be a half of an answer. */
export function refuseWithoutRoot({ json }: Pick<JsonAnswer, "json">): void {
  if (!/^0x[0-9a-fA-F]{64}$/.test(String(json["dependent_root"])))
    throw new RequestRefused(502, "the beacon node's answer has no dependent_root");
}

/** A whole number in a path, small enough to count with. */
export function numberIn(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`${what} is not a whole number`);
  return Number(text);
}
