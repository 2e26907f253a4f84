import * as http from "../../http/index.ts";
import { badRequest } from "../../http/index.ts";
import type { UnixMs } from "../../spec/index.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "../limits.ts";
import type { World } from "../world.ts";

export {
  badRequest,
  hexBytes,
  isSszBody,
  notFound,
  param,
  RequestRefused,
  wholeNumber,
} from "../../http/index.ts";

/** What the routes of the chain work with. */
export interface ChainContext {
  readonly world: World;
  /** When the request arrived: its items are judged by this time, however long they are checked. */
  readonly at: UnixMs;
  /** Settles when the chain has reached this time. */
  readonly reach: (at: UnixMs, signal: AbortSignal) => Promise<void>;
}
export type Call = http.Call<ChainContext>;
export type Route = http.Route<ChainContext>;
export type Handler = Route["run"];

export const queryList = (url: URL, name: string): string[] => http.queryList(url, name, ITEMS_MAX);
export const readBytes = (request: Request): Promise<Uint8Array> => http.readBytes(request, BODY_BYTES_MAX);
export const readJson = (request: Request): Promise<unknown> => http.readJson(request, BODY_BYTES_MAX);

/** Reads and writes one container of the specification as JSON. */
interface JsonType<T> {
  readonly typeName: string;
  fromJson(json: unknown): T;
}

/** A JSON list of containers. */
export async function readItems<T>(request: Request, type: JsonType<T>): Promise<T[]> {
  return http.listOf(await readJson(request), ITEMS_MAX).map((item, i) => fromJson(type, item, `item ${i}`));
}

/** A JSON list of unsigned integers, as texts. */
export async function readIndices(request: Request): Promise<number[]> {
  return http
    .listOf(await readJson(request), ITEMS_MAX)
    .map((item, i) => http.wholeNumber(String(item), `item ${i}`));
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
