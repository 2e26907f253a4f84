import { textTo } from "../../../sim/records.ts";
import { unmetered } from "../../ports/index.ts";
import { type BeaconNodes, type BeaconNodesOptions, createBeaconNodes } from "../beacon-nodes.ts";
import { RECORDED_NOW, recorded, recordedJson } from "./fixtures.ts";
import { SimulatedClock } from "./simulated-clock.ts";

export type Handler = (request: Request) => Response | Promise<Response>;

/** A promise that stays open until the request is given up. */
export function never(request: Request): Promise<Response> {
  return new Promise((_, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason as Error), { once: true });
  });
}

export function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

/** A beacon node that answers as the recorded one did, but for what a test sets. */
export class FakeNode {
  readonly name: string;
  /** "METHOD /path" of every request. */
  readonly asked: string[] = [];
  readonly requests: Request[] = [];
  readonly #routes: { readonly prefix: string; readonly handler: Handler }[] = [];
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();

  constructor(name: string) {
    this.name = name;
    const file =
      (fileName: string): Handler =>
      () =>
        new Response(recorded(fileName), { headers: { "content-type": "application/json" } });
    this.on("/eth/v1/", () => json({ code: 404, message: "no such route" }, 404));
    this.on("/eth/v1/config/spec", file("spec.json"));
    this.on("/eth/v1/beacon/genesis", file("genesis.json"));
    this.on("/eth/v1/node/syncing", file("syncing.json"));
    this.on("/eth/v1/node/version", file("version.json"));
    this.on("/eth/v1/node/peer_count", () => json({ data: { connected: "7" } }));
    this.on("/eth/v1/validator/attestation_data", file("attestation_data.json"));
    this.on("/eth/v1/validator/duties/attester/4", file("duties_attester.json"));
    this.on("/eth/v1/validator/duties/attester/5", file("duties_attester_next.json"));
    this.on("/eth/v1/validator/duties/proposer/4", file("duties_proposer.json"));
    this.on("/eth/v1/beacon/states/head/validators", file("validators.json"));
    this.on("/eth/v1/beacon/headers/head", file("headers_head.json"));
    this.on("/eth/v1/beacon/blocks/", () => json({ data: { root: `0x${"ab".repeat(32)}` } }));
    this.on("/eth/v3/validator/blocks/130", file("produce_block_v3.json"));
    this.on("/eth/v2/beacon/blocks", (request) =>
      request.method === "POST" ? new Response(null) : json(recordedJson("block_head.json")),
    );
    this.on("/eth/v2/beacon/blinded_blocks", () => new Response(null));
    this.on("/eth/v2/beacon/pool/attestations", () => new Response(null));
    this.on("/eth/v1/validator/prepare_beacon_proposer", () => new Response(null));
    this.on("/eth/v1/events", (request) => this.#openStream(request));
  }

  /** Later routes come first; a route takes every path that begins like it. */
  on(prefix: string, handler: Handler): this {
    this.#routes.unshift({ prefix, handler });
    return this;
  }

  async handle(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.asked.push(`${request.method} ${path}`);
    this.requests.push(request);
    const route = this.#routes.find(({ prefix }) => path.startsWith(prefix));
    return route === undefined ? json({ code: 404, message: "no such route" }, 404) : route.handler(request);
  }

  /** How often a path was asked for. */
  count(path: string): number {
    return this.asked.filter((one) => one.includes(path)).length;
  }

  #openStream(request: Request): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#streams.add(controller);
      },
      cancel: () => void this.#streams.delete(own),
    });
    request.signal.addEventListener("abort", () => this.#streams.delete(own), { once: true });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Sends text down every open event stream. */
  send(text: string): void {
    for (const stream of this.#streams) stream.enqueue(new TextEncoder().encode(text));
  }

  sendEvent(topic: string, data: unknown): void {
    this.send(`event: ${topic}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  hangUp(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }
}

export interface World {
  readonly beacon: BeaconNodes;
  readonly clock: SimulatedClock;
  readonly nodes: readonly FakeNode[];
  readonly log: readonly string[];
}

/** Beacon nodes by name, reached at http://<name>, under a simulated clock; not connected yet. */
export function world(nodes: readonly FakeNode[], more: Partial<BeaconNodesOptions> = {}): World {
  const clock = new SimulatedClock(RECORDED_NOW);
  const log: string[] = [];
  const beacon = createBeaconNodes({
    endpoints: nodes.map(({ name }) => `http://${name}`),
    clock,
    log: textTo(log),
    meter: unmetered,
    timeoutMs: 2_000,
    http: async (request) => {
      const node = nodes.find(({ name }) => name === new URL(request.url).hostname);
      if (node === undefined) throw new Error("connect ECONNREFUSED");
      return node.handle(request);
    },
    ...more,
  });
  return { beacon, clock, nodes, log };
}

/** The same, connected. */
export async function connectedWorld(
  nodes: readonly FakeNode[],
  more: Partial<BeaconNodesOptions> = {},
): Promise<World> {
  const made = world(nodes, more);
  await whileAdvancing(made.clock, made.beacon.connectChain(new AbortController().signal));
  return made;
}

/** Lets time pass until the promise settles. */
export async function whileAdvancing<T>(
  clock: SimulatedClock,
  promise: Promise<T>,
  limits: { readonly stepMs?: number; readonly maxMs?: number } = {},
): Promise<T> {
  const stepMs = limits.stepMs ?? 10;
  let done = false;
  const finished = promise.finally(() => {
    done = true;
  });
  finished.catch(() => {});
  for (let passed = 0; !done && passed <= (limits.maxMs ?? 60_000); passed += stepMs)
    await clock.advance(stepMs);
  if (!done) throw new Error("nothing came of it in the given time");
  return finished;
}
