import { explain } from "../base/index.ts";
import { type ChainEvent, type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, type Slot, slotAt, slotStart } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError, quote } from "./errors.ts";
import { EventFilter } from "./event-filter.ts";
import { pollHead } from "./head-poll.ts";
import { EVENTS_PER_SLOT_MAX } from "./limits.ts";
import type { BeaconMetrics } from "./metrics.ts";
import { parseEvent } from "./parse-event.ts";
import { readSse } from "./sse.ts";
import { timeLimit } from "./time-limit.ts";

const EVENTS_PATH = "/eth/v1/events?topics=head,block,chain_reorg";
const RECONNECT_MS = [250, 500, 1_000, 2_000, 5_000, 10_000] as const;
/** Without a head for so many slots the head is polled. */
const HEADLESS_SLOTS = 2;
/** A stream without a byte for so long is taken for dead; a slot without a block is silent, too. */
const SILENT_SLOTS = 4;
const SILENT_MS_MIN = 30_000;

export interface EventsOptions {
  readonly endpoints: readonly Endpoint[];
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: BeaconMetrics;
  readonly timeoutMs: number;
}

/**
 * Events of all nodes, each told once, through reconnects. Behind the streams the head is polled when no head comes, so
 * that a node without events, or a proxy that holds them back, costs latency and not duties.
 */
export class Events {
  readonly #options: EventsOptions;
  readonly #listener: (event: ChainEvent) => void;
  readonly #filter = new EventFilter();
  /** What each node told last, so that polling it tells only what is new. */
  readonly #heads = new Map<Endpoint, Extract<ChainEvent, { kind: "head" }>>();
  /** How many events each node has sent in a slot. */
  readonly #sent = new Map<Endpoint, { readonly slot: Slot; events: number }>();
  /** Polled heads do not count: they are no sign that the streams are well. */
  #lastStreamedAt: number;
  #polling = false;

  constructor(options: EventsOptions, listener: (event: ChainEvent) => void) {
    this.#options = options;
    this.#listener = listener;
    this.#lastStreamedAt = options.clock.now();
  }

  /** Runs until the signal fires; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const streams = this.#options.endpoints.map((endpoint) => this.#keepStreaming(endpoint, signal));
    await Promise.allSettled([...streams, this.#keepPolling(signal)]);
  }

  #tell(endpoint: Endpoint, event: ChainEvent, streamed: boolean): void {
    const { chain, clock, metrics } = this.#options;
    // Nobody can know a block of a slot that has not begun; a second of skew is allowed for.
    if (event.slot > slotAt(chain, clock.now() + 1_000)) return;
    if (event.kind === "head") this.#heads.set(endpoint, event);
    if (streamed) {
      const addr = { addr: endpoint.name };
      if (event.kind === "head") {
        // A node that is far behind tells of old heads, which are no sign that the streams are well.
        if (event.slot + HEADLESS_SLOTS >= slotAt(chain, clock.now())) this.#lastStreamedAt = clock.now();
        metrics.headSlot.set(event.slot, addr);
        metrics.headDelay.observe((clock.now() - slotStart(chain, event.slot)) / 1_000, addr);
      }
      if (event.kind === "reorg") metrics.reorgDepth.observe(event.depth, addr);
    }
    if (this.#filter.isNews(endpoint.name, event)) this.#listener(event);
  }

  async #keepStreaming(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (let failures = 0; !signal.aborted; failures++) {
      if (endpoint.chain === "ours") {
        try {
          await this.#streamOnce(endpoint, signal, () => {
            failures = 0;
          });
        } catch (error) {
          if (!signal.aborted && failures === 0)
            log.debug("Event stream broke", { node: endpoint.name, why: quote(explain(error)) });
        }
      }
      const waitMs = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] as number;
      await sleepUntil(clock, clock.now() + waitMs, signal).catch(() => {});
    }
  }

  async #streamOnce(endpoint: Endpoint, signal: AbortSignal, onEvent: () => void): Promise<void> {
    const { chain, clock } = this.#options;
    const watch = silenceWatch(clock, Math.max(SILENT_MS_MIN, SILENT_SLOTS * chain.slotMs), signal);
    try {
      const question = {
        method: "GET",
        path: EVENTS_PATH,
        headers: { accept: "text/event-stream" },
      } as const;
      const response = await endpoint.open(question, watch.signal);
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new BeaconError("beacon/refused", "open the event stream", {
          facts: { status: response.status },
        });
      }
      for await (const item of readSse(response, watch.signal)) {
        watch.life();
        if (item.kind === "life" || this.#isTooMany(endpoint)) continue;
        const event = parseEvent(item.topic, item.data);
        if (event === undefined) continue;
        onEvent();
        this.#tell(endpoint, event, true);
      }
    } finally {
      watch.end();
    }
  }

  /** Whether a node has sent more in this slot than can have happened. The next slot is a new one. */
  #isTooMany(endpoint: Endpoint): boolean {
    const { chain, clock, log } = this.#options;
    const slot = slotAt(chain, clock.now());
    const before = this.#sent.get(endpoint);
    const sent = before?.slot === slot ? before : { slot, events: 0 };
    this.#sent.set(endpoint, sent);
    if (++sent.events === EVENTS_PER_SLOT_MAX + 1)
      log.warn("Beacon node sends more events than can have happened; the slot's others are left unread", {
        node: endpoint.name,
        slot,
      });
    return sent.events > EVENTS_PER_SLOT_MAX;
  }

  async #keepPolling(signal: AbortSignal): Promise<void> {
    const { chain, clock, log } = this.#options;
    while (!signal.aborted) {
      await sleepUntil(clock, clock.now() + chain.slotMs / 2, signal);
      const headless =
        clock.now() - this.#lastStreamedAt >= HEADLESS_SLOTS * chain.slotMs &&
        slotAt(chain, clock.now()) >= HEADLESS_SLOTS;
      if (this.#polling && !headless) log.info("Events come again; the head is no longer polled");
      if (headless && !this.#polling)
        log.warn("No head came for two slots; the head is polled until events come again");
      this.#polling = headless;
      if (headless) await this.#pollAll(signal);
    }
  }

  async #pollAll(signal: AbortSignal): Promise<void> {
    const { chain, clock, endpoints, timeoutMs } = this.#options;
    const polls = endpoints
      .filter((endpoint) => endpoint.usable)
      .map(async (endpoint) => {
        const limit = timeLimit(clock, timeoutMs, [signal]);
        try {
          const head = await pollHead(endpoint, chain, this.#heads.get(endpoint), limit.signal);
          if (head === undefined) return;
          this.#tell(endpoint, { kind: "block", slot: head.slot, block: head.block }, false);
          this.#tell(endpoint, head, false);
        } finally {
          limit.end();
        }
      });
    await Promise.allSettled(polls);
  }
}

/** A signal that fires when nobody calls `life` for so long. */
function silenceWatch(
  clock: Clock,
  silentMs: number,
  parent: AbortSignal,
): { readonly signal: AbortSignal; life(): void; end(): void } {
  const own = new AbortController();
  const end = (reason: unknown): void => {
    cancel();
    parent.removeEventListener("abort", onParent);
    own.abort(reason);
  };
  const onParent = (): void => end(parent.reason);
  let lastLifeAt = clock.now();
  const look = (): void => {
    const dueAt = lastLifeAt + silentMs;
    if (clock.now() >= dueAt) end(new Error("the event stream fell silent"));
    else cancel = clock.at(dueAt, look);
  };
  let cancel = clock.at(lastLifeAt + silentMs, look);
  parent.addEventListener("abort", onParent, { once: true });
  if (parent.aborted) onParent();
  return {
    signal: own.signal,
    life: () => {
      lastLifeAt = clock.now();
    },
    end: () => end(new Error("the event stream ended")),
  };
}
