import { textTo } from "../../../sim/records.ts";
import { type Hex, toHex } from "../../base/index.ts";
import type { ChainOptions } from "../../chain/index.ts";
import { interopPublicKey } from "../../chain/index.ts";
import { GENESIS, type TestChain, testChain } from "../../chain/testing/test-world.ts";
import { type ChainEvent, type ForwardedRequest, unmetered } from "../../ports/index.ts";
import type { GroupKey, OperatorIndex } from "../../spec/index.ts";
import { createValidatorApi, type ValidatorApi } from "../api.ts";
import { ScriptedDesk } from "./scripted-desk.ts";

export { GENESIS };
export const OPERATORS = 4;

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line no-explicit-any -- Tests look into answers of many shapes.
  readonly body: any;
  readonly bytes: Uint8Array;
}

/** A validator API on a simulated chain and a scripted desk, with everything that it asked the beacon node. */
export interface ApiWorld {
  readonly api: ValidatorApi;
  readonly desk: ScriptedDesk;
  readonly test: TestChain;
  /** "GET /eth/v1/…", without the query. */
  readonly asked: string[];
  readonly log: string[];
  readonly groupKeys: readonly GroupKey[];
  /** This operator's public shares, by validator. */
  readonly shares: readonly Hex[];
  shareOf(validator: number, operator: number): Hex;
  /** Tells of a chain event, as the beacon room does. */
  event(event: ChainEvent): void;
  get(path: string, headers?: Record<string, string>): Promise<ApiAnswer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  send(request: Request): Promise<ApiAnswer>;
}

export async function apiWorld(
  options: Partial<ChainOptions> & {
    readonly count?: number;
    readonly self?: number;
    readonly forward?: (request: ForwardedRequest, signal: AbortSignal) => Promise<Response> | undefined;
  } = {},
): Promise<ApiWorld> {
  const { count = 4, self = 1, forward, ...rest } = options;
  const test = await testChain({ count, ...rest });
  const groupKeys = Array.from({ length: count }, (_, i) => interopPublicKey(i));
  const shareBytes = (validator: number, operator: number): Uint8Array =>
    new Uint8Array(48)
      .fill(0xa0 + operator, 0, 1)
      .fill(validator % 251, 1, 40)
      .fill(validator >> 8, 40);
  const desk = new ScriptedDesk();
  const asked: string[] = [];
  const log: string[] = [];
  const listeners: ((event: ChainEvent) => void)[] = [];
  const api = createValidatorApi(
    {
      clock: test.clock,
      chain: test.chain.spec,
      beacon: {
        forward: async (request, signal) => {
          asked.push(`${request.method} ${request.path.split("?")[0]}`);
          const own = forward?.(request, signal);
          if (own !== undefined) return own;
          return test.chain.handle(
            new Request(`http://chain${request.path}`, {
              method: request.method,
              headers: request.headers,
              signal,
              ...(request.body === undefined ? {} : { body: request.body }),
            }),
          );
        },
        subscribe: (listener) => void listeners.push(listener),
      },
      desk,
      log: textTo(log),
      meter: unmetered,
    },
    {
      validators: groupKeys.map((groupKey, validator) => ({
        groupKey,
        publicShares: Array.from({ length: OPERATORS }, (_, operator) => shareBytes(validator, operator)),
        feeRecipient: `0x${"fe".repeat(20)}`,
      })),
      self: self as OperatorIndex,
      version: "Trireme/test",
    },
  );
  const send = async (request: Request): Promise<ApiAnswer> => {
    const response = await api.handle(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    const text = Buffer.from(bytes).toString("utf8");
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== "" ? (JSON.parse(text) as unknown) : undefined,
      bytes,
    };
  };
  const shareOf = (validator: number, operator: number): Hex => toHex(shareBytes(validator, operator));
  return {
    api,
    desk,
    test,
    asked,
    log,
    groupKeys,
    shares: groupKeys.map((_, validator) => shareOf(validator, self)),
    shareOf,
    event: (event) => {
      for (const listener of listeners) listener(event);
    },
    send,
    get: (path, headers = {}) => send(new Request(`http://api${path}`, { headers })),
    post: (path, body, headers = {}) =>
      send(
        new Request(`http://api${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", "eth-consensus-version": "fulu", ...headers },
          body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
        }),
      ),
  };
}
