import { DvError, fromHex, HexError, parseJson } from "../base/index.ts";

/** A request that gets an error answer, as the beacon API words it. */
export class RequestRefused extends DvError<"http/request-refused"> {
  readonly status: number;
  readonly failures: readonly { readonly index: number; readonly message: string }[] | undefined;

  constructor(status: number, message: string, failures?: RequestRefused["failures"]) {
    super("http/request-refused", message);
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

const UINT64_MAX = 2n ** 64n - 1n;

/**
 * An unsigned 64-bit integer in a path or query. What JavaScript cannot count exactly becomes the largest that it can:
 * as a slot, epoch or index both are far beyond any chain (Charon asks for slots below zero before genesis, wrapped).
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

/** Values of a query parameter given several times, or separated by commas; what is beyond `itemsMax` is left out. */
export function queryList(url: URL, name: string, itemsMax: number): string[] {
  return url.searchParams
    .getAll(name)
    .flatMap((value) => value.split(","))
    .filter((value) => value !== "")
    .slice(0, itemsMax);
}

const JSON_TYPE = "application/json";
const SSZ_TYPE = "application/octet-stream";
const mediaType = (request: Request): string =>
  (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";

export function isSszBody(request: Request): boolean {
  return mediaType(request) === SSZ_TYPE;
}

/**
 * A body has to say that it is of one of the types. None is among those that a web page may send to another site without
 * asking there first; a body without a type is.
 *
 * @throws RequestRefused 415
 */
export function refuseOtherTypes(request: Request, types: readonly string[] = [JSON_TYPE, SSZ_TYPE]): void {
  const type = mediaType(request);
  if (types.includes(type)) return;
  const named = type === "" ? "a body without a content type" : `content type ${type.slice(0, 60)}`;
  throw new RequestRefused(415, `${named} is not supported here: ${types.join(" or ")}`);
}

/** The whole body. @throws RequestRefused 413 */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = (): RequestRefused => new RequestRefused(413, `body is larger than ${bytesMax} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > bytesMax) throw tooLarge();
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > bytesMax) throw tooLarge();
  return bytes;
}

/** The body as JSON, unread. @throws RequestRefused 400, 413, 415 */
export async function readJson(
  request: Request,
  bytesMax: number,
  how: { readonly empty?: unknown } = {},
): Promise<unknown> {
  const { body } = request;
  if (body === null && "empty" in how) return how.empty;
  refuseOtherTypes(request, [JSON_TYPE]);
  const bytes = await readBytes(request, bytesMax);
  if (bytes.length === 0 && "empty" in how) return how.empty;
  try {
    return parseJson(Buffer.from(bytes).toString("utf8"), 3); // Lists of indices in quotes.
  } catch {
    throw badRequest("body is not JSON");
  }
}

/** The items of a JSON list. @throws RequestRefused 400 */
export function listOf(json: unknown, itemsMax: number, what = "body"): readonly unknown[] {
  if (!Array.isArray(json)) throw badRequest(`${what} is not a list`);
  if (json.length > itemsMax) throw badRequest(`${what} has more than ${itemsMax} items`);
  return json as unknown[];
}
