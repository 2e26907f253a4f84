import { createParser } from "eventsource-parser";
import { JsonFields } from "../base/index.ts";
import { type ChainEvent, type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import type { ChainSpec } from "../spec/index.ts";
import { slotAt } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { EVENT_BYTES_MAX } from "./limits.ts";
import { bad, parseJson } from "./parse.ts";

const RECONNECT_MS = [250, 500, 1_000, 2_000, 5_000, 10_000];
/** A stream that said nothing for so many slots is not trusted; the head is polled. */
const SILENT_SLOTS = 2;
/** Events remembered so that several nodes do not tell the same thing twice. */
const SEEN_MAX = 512;

export interface EventsOptions {
  readonly endpoints: readonly Endpoint[];
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What one server-sent event says; undefined for topics and shapes that are not ours. */
export function parseEvent(topic: string, data: string): ChainEvent | undefined {
  try {
    const fields = JsonFields.parse(data, topic, bad);
    if (topic === "head") {
      return {
        kind: "head",
        slot: fields.quoted("slot"),
        block: fields.hex("block", 32),
        epochTransition: fields.flag("epoch_transition"),
        previousDutyDependentRoot: fields.hex("previous_duty_dependent_root", 32),
        currentDutyDependentRoot: fields.hex("current_duty_dependent_root", 32),
      };
    }
    if (topic === "block")
      return { kind: "block", slot: fields.quoted("slot"), block: fields.hex("block", 32) };
    if (topic === "chain_reorg") {
      return {
        kind: "reorg",
        slot: fields.quoted("slot"),
        depth: fields.quoted("depth"),
        oldHead: fields.hex("old_head_block", 32),
        newHead: fields.hex("new_head_block", 32),
      };
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/**
 * Events of all nodes, each told once, through reconnects. Behind the streams the head is polled when they fall silent, so
 * that a node without events, or a proxy that buffers them, costs latency and not duties.
 */
export function subscribeToEvents(
  options: EventsOptions,
  listener: (event: ChainEvent) => void,
  signal: AbortSignal,
): void {
  const { clock, chain, log } = options;
  const seen = new Set<string>();
  let lastHeadAt = clock.now();
  const tell = (event: ChainEvent): void => {
    const name = JSON.stringify(
      event.kind === "head" || event.kind === "block"
        ? [event.kind, event.block]
        : [event.kind, event.oldHead, event.newHead],
    );
    if (event.kind !== "block") lastHeadAt = clock.now();
    if (seen.has(name)) return;
    seen.add(name);
    const [oldest] = seen;
    if (seen.size > SEEN_MAX && oldest !== undefined) seen.delete(oldest);
    listener(event);
  };
  for (const endpoint of options.endpoints) {
    if (endpoint.foreign) continue;
    void keepStreaming(endpoint, clock, log, tell, signal);
  }
  const poll = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleepUntil(clock, clock.now() + chain.slotMs / 2, signal);
      if (clock.now() - lastHeadAt < SILENT_SLOTS * chain.slotMs || slotAt(chain, clock.now()) < 0) continue;
      for (const endpoint of options.endpoints.filter((one) => one.usable))
        await pollHead(endpoint, tell, signal).catch(() => {});
    }
  };
  poll().catch(() => {});
}

async function keepStreaming(
  endpoint: Endpoint,
  clock: Clock,
  log: Logger,
  tell: (event: ChainEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await streamOnce(endpoint, tell, signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (!signal.aborted && failures === 0)
        log.debug("Event stream broke", {
          node: endpoint.name,
          why: error instanceof Error ? error.message : "",
        });
    }
    const waitMs = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] as number;
    await sleepUntil(clock, clock.now() + waitMs, signal).catch(() => {});
  }
}

async function streamOnce(
  endpoint: Endpoint,
  tell: (event: ChainEvent) => void,
  signal: AbortSignal,
  onEvent: () => void,
): Promise<void> {
  const { status, body } = await endpoint.open(
    "/eth/v1/events?topics=head,block,chain_reorg",
    { accept: "text/event-stream" },
    signal,
  );
  if (status !== 200) throw new Error(`status ${status}`);
  let pending = 0;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      pending = 0;
      onEvent();
      const parsed = parseEvent(event ?? "", data);
      if (parsed !== undefined) tell(parsed);
    },
    onComment: () => {
      pending = 0;
    },
  });
  const decoder = new TextDecoder();
  for await (const part of body) {
    pending += part.length;
    if (pending > EVENT_BYTES_MAX) throw new Error("an event without end");
    parser.feed(decoder.decode(part, { stream: true }));
  }
}

async function pollHead(
  endpoint: Endpoint,
  tell: (event: ChainEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const answer = await endpoint.ask(
    { method: "GET", path: "/eth/v1/beacon/headers/head", headers: { accept: "application/json" } },
    signal,
  );
  const data = parseJson(answer.body).object("data");
  const slot = data.object("header").object("message").quoted("slot");
  const block = data.hex("root", 32);
  tell({ kind: "block", slot, block });
  // A header does not name the dependent roots; zero means "not known", and nobody refetches duties for it.
  const unknown = `0x${"00".repeat(32)}` as const;
  tell({
    kind: "head",
    slot,
    block,
    epochTransition: false,
    previousDutyDependentRoot: unknown,
    currentDutyDependentRoot: unknown,
  });
}
