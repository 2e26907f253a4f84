import { parseJson, readBounded } from "../base/index.ts";
import { badRequest, RequestRefused } from "../http/index.ts";
import type { BeaconPassage, ForwardedRequest } from "../ports/index.ts";
import { ANSWER_BYTES_MAX, REASON_BYTES_MAX } from "./limits.ts";

type Question = Pick<ForwardedRequest, "method" | "path"> & { readonly body?: unknown };

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
  question: Question & { readonly forOneClient?: boolean },
  signal: AbortSignal,
): Promise<JsonAnswer> {
  const { forOneClient = false } = question;
  const how = { wholeBytesMax: ANSWER_BYTES_MAX, forOneClient };
  const answer = await beacon.forward({ ...requestOf(question), ...how }, signal);
  const json = parse(new Uint8Array(await answer.arrayBuffer()));
  if (!isSuccess(answer)) throw refusalOf(answer, json);
  if (json === undefined) throw new RequestRefused(502, "the beacon node's answer is not JSON");
  return { json, headers: answer.headers };
}

/**
 * Asks for a JSON document of any length that one client waits for, as it comes.
 *
 * @throws RequestRefused with the beacon node's own status and reason.
 */
export async function openJson(
  beacon: BeaconPassage,
  question: Question,
  signal: AbortSignal,
): Promise<Response> {
  const answer = await beacon.forward({ ...requestOf(question), forOneClient: true }, signal);
  if (isSuccess(answer)) return answer;
  const reason =
    answer.body === null
      ? undefined
      : await readBounded(answer.body, REASON_BYTES_MAX).catch(() => undefined);
  throw refusalOf(answer, reason && parse(reason));
}

function requestOf({ method, path, body }: Question): ForwardedRequest {
  const headers = new Headers({ accept: "application/json" });
  if (body === undefined) return { method, path, headers };
  headers.set("content-type", "application/json");
  return { method, path, headers, body: new Uint8Array(Buffer.from(JSON.stringify(body))) };
}

const isSuccess = ({ status }: Response): boolean => status >= 200 && status <= 299;

function refusalOf(
  { status }: Response,
  json: Readonly<Record<string, unknown>> | undefined,
): RequestRefused {
  const message = typeof json?.["message"] === "string" ? json["message"].slice(0, 300) : "no reason given";
  // A redirect, which no beacon API has, is a failure of the node and nothing that a client should follow.
  return new RequestRefused(status < 400 ? 502 : status, `the beacon node answered: ${message}`);
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
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
