import { Places } from "../base/index.ts";
import { badRequest, RequestRefused, readBytes, refuseOtherTypes } from "../http/index.ts";
import type { BeaconPassage, Clock, Sender } from "../ports/index.ts";
import { clientOf } from "./clients.ts";
import type { ApiCall } from "./context.ts";
import { isKey, type KeyBook } from "./key-book.ts";
import { bodyBytesMax, FORWARDED_MAX, PASSAGE_QUICK_MS, SLOW_PASSAGES_MAX, STREAMS_MAX } from "./limits.ts";
import { renamingKeys } from "./renaming-keys.ts";
import { openJson } from "./upstream.ts";

/** What is asked of the beacon node in a client's name; what is left out stays as it came. */
export interface Question {
  readonly method?: "GET" | "POST";
  readonly path?: string;
  readonly body?: unknown;
}

/** A passage under way: given back once, however it ends, and ended by the signal. */
interface Place {
  readonly release: () => void;
  readonly signal: AbortSignal;
}

/** An event stream, and whose it is: from which address, and which kind of client. */
interface Stream {
  readonly from: string;
  readonly client: string;
  readonly end: () => void;
}

/**
 * The way through to the beacon node for everything that is not the cluster's business. Whoever reads slowly, or asks what takes
 * long, does so at the cost of his like: of too many it is the oldest of the address with the most that ends.
 */
export class Passage {
  readonly #beacon: BeaconPassage;
  readonly #keys: KeyBook;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #places = new Places(FORWARDED_MAX);
  /** For passages that are no longer quick. */
  readonly #slowPlaces = new Places(SLOW_PASSAGES_MAX);
  /** The oldest first. */
  readonly #streams = new Set<Stream>();

  constructor(needs: { beacon: BeaconPassage; keys: KeyBook; clock: Clock; closing: AbortSignal }) {
    this.#beacon = needs.beacon;
    this.#keys = needs.keys;
    this.#clock = needs.clock;
    this.#closing = needs.closing;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Hands a request on and its answer back as it arrives, event streams included. */
  async through({ request, url, from }: ApiCall): Promise<Response> {
    const method = request.method;
    if (method !== "GET" && method !== "POST")
      throw new RequestRefused(405, `${method.slice(0, 20)} is not a method of the beacon API`);
    if (method === "POST" && request.body !== null) refuseOtherTypes(request);
    const stream = url.pathname === "/eth/v1/events";
    const place = stream ? this.#takeStream(from.address, clientOf(request).name) : this.#take(from);
    const signal = AbortSignal.any([request.signal, this.#closing, place.signal]);
    try {
      const body =
        method === "POST" ? await readBytes(request, bodyBytesMax(method, url.pathname)) : undefined;
      const answer = await this.#beacon.forward(
        {
          method,
          path: url.pathname + url.search,
          headers: request.headers,
          ...(body === undefined ? {} : { body: new Uint8Array(body) }),
        },
        signal,
      );
      // It counts until the client or the beacon node ends it, or its place is somebody else's.
      return new Response(endingWith(answer.body, signal, place.release), answer);
    } catch (error) {
      place.release();
      throw error;
    }
  }

  /** Asks with the names that the chain knows, and answers with those that the client knows. */
  async translated(call: ApiCall, question: Question): Promise<Response> {
    const place = this.#take(call.from);
    const signal = AbortSignal.any([call.request.signal, this.#closing, place.signal]);
    const asked = {
      method: question.method ?? (call.request.method === "POST" ? "POST" : "GET"),
      path: question.path ?? call.url.pathname + call.url.search,
      ...(question.body === undefined ? {} : { body: question.body }),
    } as const;
    try {
      const { body, headers } = await openJson(this.#beacon, asked, signal);
      // The chain's whole queue of deposits has tens of megabytes: it is never in memory, nor read as JSON.
      const inClientsNames = body?.pipeThrough(renamingKeys((key) => this.#keys.toClient(key))) ?? null;
      const version = headers.get("eth-consensus-version");
      return new Response(endingWith(inClientsNames, signal, place.release), {
        headers: {
          "content-type": headers.get("content-type") ?? "application/json",
          ...(version === null ? {} : { "eth-consensus-version": version }),
        },
      });
    } catch (error) {
      place.release();
      throw error;
    }
  }

  /** Does what is asked for one client alone, as one of the passages. @throws RequestRefused 503; what `work` throws. */
  async inTurn<T>(from: Sender, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { release, signal } = this.#take(from);
    try {
      return await work(signal);
    } finally {
      release();
    }
  }

  /** Ids with group keys in place of our public shares. @throws RequestRefused 400 for another operator's share. */
  toChain(id: unknown): string {
    const text = String(id);
    if (text.length > 128) throw badRequest("an id is too long");
    return isKey(text) ? this.#keys.toChain(text) : text;
  }

  /** A passage that ends early when its address has the most of too many, or of too many that are slow. */
  #take({ address }: Sender): Place {
    const over = new AbortController();
    const releases: (() => void)[] = [];
    const release = (): void => {
      for (const each of releases) each();
    };
    const end = (which: string) => (): void => {
      release();
      over.abort(new RequestRefused(503, `too many ${which} are under way to the beacon node`));
    };
    releases.push(
      this.#clock.at(this.#clock.now() + PASSAGE_QUICK_MS, () =>
        releases.push(this.#slowPlaces.take(address, 1, end("slow requests"))),
      ),
    );
    releases.push(this.#places.take(address, 1, end("requests")));
    return { release, signal: over.signal };
  }

  /** A place for a stream. When there are too many, whoever has the most of them loses his oldest: nobody is kept out. */
  #takeStream(from: string, client: string): Place {
    const over = new AbortController();
    const end = (): void => {
      release();
      over.abort(
        new RequestRefused(503, "too many event streams are open, and this was the oldest of its client"),
      );
    };
    const stream: Stream = { from, client, end };
    const release = (): void => void this.#streams.delete(stream);
    this.#streams.add(stream);
    if (this.#streams.size > STREAMS_MAX) oldestOfMost([...this.#streams])?.end();
    return { release, signal: over.signal };
  }
}

/** The oldest stream of the client that has the most, among those at the address that has the most. */
function oldestOfMost(streams: readonly Stream[]): Stream | undefined {
  const most = (some: readonly Stream[], whose: (stream: Stream) => string): readonly Stream[] =>
    [...Map.groupBy(some, whose).values()].reduce(
      (most, group) => (group.length > most.length ? group : most),
      [],
    );
  return most(
    most(streams, ({ from }) => from),
    ({ client }) => client,
  )[0];
}

/** The same stream, which also ends with the signal; `onEnd` is called when it ends in whatever way. */
function endingWith(
  stream: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
  onEnd: () => void,
): ReadableStream<Uint8Array> | null {
  if (stream === null) {
    onEnd();
    return null;
  }
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const end = (): void => {
        onEnd();
        controller.error(signal.reason);
        reader.cancel(signal.reason).catch(() => {});
      };
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (signal.aborted) return;
        if (!done) return controller.enqueue(value);
        onEnd();
        controller.close();
      } catch (error) {
        onEnd();
        controller.error(error);
      }
    },
    async cancel(reason) {
      onEnd();
      await reader.cancel(reason);
    },
  });
}
