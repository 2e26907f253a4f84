import { DvError, fromHex, HexError } from "../../base/index.ts";
import type { UnixMs } from "../../spec/index.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "../limits.ts";
import type { World } from "../world.ts";

/** One request on its way through a route. */
export interface Call {
  readonly world: World;
  readonly request: Request;
  readonly url: URL;
  /** What stands at the places of the route's path that begin with ":". */
  readonly params: Readonly<Record<string, string>>;
  /** When the request arrived: its items are judged by this time, however long they are checked. */
  readonly at: UnixMs;
  /** Settles when the chain has reached this time. */
  readonly reach: (at: UnixMs, signal: AbortSignal) => Promise<void>;
}

export type Handler = (call: Call) => Response | Promise<Response>;

export interface Route {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly run: Handler;
}

/** A request that gets an error answer, as the beacon API words it. */
export class RequestRefused extends DvError<"chain/request-refused"> {
  readonly status: number;
  readonly failures: readonly { readonly index: number; readonly message: string }[] | undefined;

  constructor(status: number, message: string, failures?: RequestRefused["failures"]) {
    super("chain/request-refused", message);
    this.status = status;
    this.failures = failures;
  }
}

export function badRequest(message: string): RequestRefused {
  return new RequestRefused(400, message);
}

export function notFound(message: string): RequestRefused {
  return new RequestRefused(404, message);
}

export function param(call: Call, name: string): string {
  return call.params[name] ?? "";
}

const UINT64_MAX = 2n ** 64n - 1n;

/**
 * An unsigned 64-bit integer in a path or query. What JavaScript cannot count exactly becomes the largest that it can:
 * as a slot, epoch or index both are far beyond this chain (Charon asks for slots below zero before genesis, wrapped).
 */
export function wholeNumber(text: string | null, what: string): number {
  if (text === null || !/^\d{1,20}$/.test(text) || BigInt(text) > UINT64_MAX)
    throw badRequest(`${what} is not a whole number`);
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

export function hexBytes(text: string | null, length: number, what: string): Uint8Array {
  try {
    return fromHex(text ?? "", length);
  } catch (error) {
    if (error instanceof HexError) throw badRequest(`${what} is not ${length} bytes of hexadecimal text`);
    throw error;
  }
}

/** Values of a query parameter given several times, or separated by commas. */
export function queryList(url: URL, name: string): string[] {
  return url.searchParams
    .getAll(name)
    .flatMap((value) => value.split(","))
    .filter((value) => value !== "")
    .slice(0, ITEMS_MAX);
}

const mediaType = (request: Request): string =>
  (request.headers.get("content-type") ?? "application/json").split(";")[0]?.trim().toLowerCase() ?? "";

export function isSszBody(request: Request): boolean {
  return mediaType(request) === "application/octet-stream";
}

export async function readBytes(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX)
    throw new RequestRefused(413, `body is larger than ${BODY_BYTES_MAX} bytes`);
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > BODY_BYTES_MAX)
    throw new RequestRefused(413, `body is larger than ${BODY_BYTES_MAX} bytes`);
  return bytes;
}

export async function readJson(request: Request): Promise<unknown> {
  if (mediaType(request) !== "application/json")
    throw new RequestRefused(415, `content type ${mediaType(request).slice(0, 60)} is not supported here`);
  const bytes = await readBytes(request);
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch {
    throw badRequest("body is not JSON");
  }
}

/** Reads and writes one container of the specification as JSON. */
interface JsonType<T> {
  readonly typeName: string;
  fromJson(json: unknown): T;
}

/** A JSON list of containers. */
export async function readItems<T>(request: Request, type: JsonType<T>): Promise<T[]> {
  return listOf(await readJson(request)).map((item, i) => fromJson(type, item, `item ${i}`));
}

/** A JSON list of unsigned integers, as texts. */
export async function readIndices(request: Request): Promise<number[]> {
  return listOf(await readJson(request)).map((item, i) => wholeNumber(String(item), `item ${i}`));
}

function listOf(json: unknown): unknown[] {
  if (!Array.isArray(json)) throw badRequest("body is not a list");
  if (json.length > ITEMS_MAX) throw badRequest(`body has more than ${ITEMS_MAX} items`);
  return json;
}

/** A container from hostile JSON. Numbers that a Slot, Epoch or index cannot be are refused here, not met later. */
export function fromJson<T>(type: JsonType<T>, json: unknown, what: string): T {
  let value: T;
  try {
    value = type.fromJson(json);
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : "unreadable";
    throw badRequest(`${what} is not a ${type.typeName}: ${why}`);
  }
  if (hasBadNumber(value)) throw badRequest(`${what} is not a ${type.typeName}: a number is out of range`);
  return value;
}

export function hasBadNumber(value: unknown): boolean {
  if (typeof value === "number") return !Number.isSafeInteger(value) || value < 0;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some(hasBadNumber);
}
