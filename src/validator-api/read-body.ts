import { badRequest, isSszBody, listOf, readBytes, readJson } from "../http/index.ts";
import type { Fork } from "../ports/index.ts";
import {
  type ChainSpec,
  containerFromJson,
  epochOf,
  ForkName,
  firstSlotOf,
  forkAt,
  listType,
  type Slot,
  sszTypesFor,
} from "../spec/index.ts";
import type { ApiCall } from "./context.ts";
import { BODY_BYTES_MAX, ITEMS_MAX, ITEMS_PER_TURN } from "./limits.ts";

/** A container of the specification, as far as bodies need it. */
export interface BodyType<T> {
  readonly typeName: string;
  fromJson(json: unknown): T;
  toJson(value: T): unknown;
  deserialize(bytes: Uint8Array): T;
  serialize(value: T): Uint8Array;
}

/**
 * A list of containers, from JSON or SSZ by its content type. Thousands of them are read bit by bit.
 *
 * @throws RequestRefused 400, 413, 415
 */
export async function readItems<T>(
  { request, turn }: Pick<ApiCall, "request" | "turn">,
  type: BodyType<T>,
): Promise<readonly T[]> {
  if (isSszBody(request)) {
    const bytes = await readBytes(request, BODY_BYTES_MAX);
    try {
      return listType<T>(type, ITEMS_MAX).deserialize(bytes);
    } catch (error) {
      throw badRequest(`body is not a list of ${type.typeName} in SSZ: ${quoted(error)}`);
    }
  }
  const read: T[] = [];
  for (const [i, item] of listOf(await readJson(request, BODY_BYTES_MAX), ITEMS_MAX).entries()) {
    if (i > 0 && i % ITEMS_PER_TURN === 0) await turn();
    read.push(fromJson(type, item, `item ${i}`));
  }
  return read;
}

/** A container of which nothing is guessed. @throws RequestRefused 400 */
export function fromJson<T>(type: BodyType<T>, json: unknown, where: string): T {
  return containerFromJson(type, json, where, (place) =>
    badRequest(`${place} is not what a ${type.typeName} has there`),
  );
}

export function quoted(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : "unreadable";
}

/** Unsigned numbers in quotes or without. @throws RequestRefused 400 */
export async function readIndices(request: Request): Promise<readonly number[]> {
  return listOf(await readJson(request, BODY_BYTES_MAX), ITEMS_MAX).map((item, i) =>
    indexOf(item, `item ${i}`),
  );
}

export function indexOf(item: unknown, what: string): number {
  const number = typeof item === "string" && /^\d{1,15}$/.test(item) ? Number(item) : item;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0)
    throw badRequest(`${what} is not a whole number`);
  return number;
}

/**
 * The fork of a body by its Eth-Consensus-Version header, checked against the slot that it speaks of: a container
 * of one fork can be read as that of another, and means something else there.
 *
 * @throws RequestRefused 400
 */
export function forkOf(request: Request): ForkName {
  const text = request.headers.get("eth-consensus-version")?.toLowerCase();
  if (text === undefined) throw badRequest("header Eth-Consensus-Version is missing");
  const fork = Object.values(ForkName).find((known) => known === text);
  if (fork === undefined)
    throw badRequest(`header Eth-Consensus-Version names no known fork: ${text.slice(0, 40)}`);
  return fork;
}

export function checkForkAt(chain: ChainSpec, fork: Fork, slot: Slot): void {
  const due = forkAt(chain, slot);
  if (due !== fork)
    throw badRequest(
      `header Eth-Consensus-Version says ${fork}, and slot ${slot} (epoch ${epochOf(chain, slot)}, from slot ${firstSlotOf(chain, epochOf(chain, slot))}) is of ${due}`,
    );
}

/** The type of one fork by its name in the specification. @throws RequestRefused 400 */
export function typeOf<T>(fork: ForkName, name: string): BodyType<T> {
  const type = (sszTypesFor(fork) as unknown as Record<string, BodyType<T> | undefined>)[name];
  if (type === undefined) throw badRequest(`there is no ${name} in ${fork}`);
  return type;
}

/** What came, before its type is known. */
export interface Body {
  readonly ssz: boolean;
  readonly content: unknown;
}

/** @throws RequestRefused 400, 413, 415 */
export async function readBody(request: Request, bytesMax: number): Promise<Body> {
  const ssz = isSszBody(request);
  return { ssz, content: ssz ? await readBytes(request, bytesMax) : await readJson(request, bytesMax) };
}

/**
 * One container. What it says is compared with what was decided, so its text is not compared with itself.
 *
 * @throws RequestRefused 400
 */
export function readOne<T>({ ssz, content }: Body, type: BodyType<T>): T {
  try {
    return ssz ? type.deserialize(content as Uint8Array) : type.fromJson(content);
  } catch (error) {
    throw badRequest(`body is not a ${type.typeName}: ${quoted(error)}`);
  }
}
