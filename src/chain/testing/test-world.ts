import { SecretKey } from "../../crypto/index.ts";
import { dutyDue, slotStart } from "../../spec/index.ts";
import type { ChainActivity } from "../activity.ts";
import { type Chain, startChain } from "../chain.ts";
import { interopPublicKey, interopSecretKey } from "../interop.ts";
import type { ChainOptions } from "../options.ts";
import { ManualClock } from "./manual-clock.ts";

export const GENESIS = 1_800_000_000_000;

/** A chain on a clock that the test moves, with interop keys 0 … count - 1 as watched validators. */
export interface TestChain {
  readonly chain: Chain;
  readonly clock: ManualClock;
  readonly events: ChainActivity[];
  readonly keys: readonly SecretKey[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Moves to the start of a slot, or to a moment in it. */
  moveTo(slot: number, intoSlotMs?: number): void;
  /** Moves to the time at which votes of the slot are due. */
  moveToVotes(slot: number): void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line no-explicit-any -- Tests look into answers of many shapes.
  readonly body: any;
  readonly bytes: Uint8Array;
}

export async function testChain(
  options: Partial<ChainOptions> & { readonly count?: number } = {},
): Promise<TestChain> {
  const { count = 4, ...rest } = options;
  const clock = new ManualClock(GENESIS - 1_000);
  const events: ChainActivity[] = [];
  const chain = await startChain({
    validators: Array.from({ length: count }, (_, index) => ({ pubkey: interopPublicKey(index) })),
    slotMs: 1_000,
    slotsPerEpoch: 4,
    genesisTime: GENESIS,
    listen: false,
    clock,
    onEvent: (event) => events.push(event),
    ...rest,
  });
  const ask = async (request: Request): Promise<Answer> => {
    const response = await chain.handle(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = Buffer.from(bytes).toString("utf8");
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? (JSON.parse(text) as unknown) : undefined,
      bytes,
    };
  };
  return {
    chain,
    clock,
    events,
    keys: Array.from({ length: count }, (_, index) => interopSecretKey(index)),
    get: (path, headers = {}) => ask(new Request(`http://chain${path}`, { headers })),
    post: (path, body, headers = {}) =>
      ask(
        new Request(`http://chain${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", "eth-consensus-version": "fulu", ...headers },
          body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
        }),
      ),
    moveTo: (slot, intoSlotMs = 0) => clock.moveTo(slotStart(chain.spec, slot) + intoSlotMs),
    moveToVotes: (slot) => clock.moveTo(dutyDue(chain.spec, { slot, kind: "attester" })),
  };
}
