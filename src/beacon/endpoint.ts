import { AssertionFailed, orAborted } from "../base/index.ts";
import type { ChainSpec } from "../spec/index.ts";
import { type Address, readAddress } from "./address.ts";
import { about, BeaconError, bad, reasonOf } from "./errors.ts";
import { type HttpCall, type Lane, readBody } from "./http.ts";
import { ERROR_BYTES_MAX, SMALL_BYTES_MAX, SYNC_DISTANCE_MAX } from "./limits.ts";
import { refusal } from "./refusal.ts";
import { TrackRecord } from "./track-record.ts";

export interface Question {
  readonly method: "GET" | "POST";
  /** From "/eth" on, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string;
  /** Largest answer; 1 MB when not given. */
  readonly bytesMax?: number;
  /** Whose connections it takes; those of our duties when not given. */
  readonly lane?: Lane;
}

/** A 2xx answer. */
export interface Answer {
  readonly body: Uint8Array;
  readonly headers: Headers;
  readonly type: "json" | "ssz";
}

/** What the node said of itself when it was last asked. */
export interface Health {
  readonly reachable: boolean;
  readonly syncDistance: number;
  readonly optimistic: boolean;
  readonly executionOffline: boolean;
  /** Undefined when it does not say. */
  readonly peers: number | undefined;
}

/** One beacon node: its address, how it has been doing, and one call to it. */
export class Endpoint {
  readonly record: TrackRecord = new TrackRecord();
  health: Health = {
    reachable: true,
    syncDistance: 0,
    optimistic: false,
    executionOffline: false,
    peers: undefined,
  };
  /** Whether it serves the cluster's chain. It is asked for nothing else before that is known. */
  chain: "unknown" | "ours" | "other" = "unknown";
  /** What it said of its chain when it was last asked. */
  spec: ChainSpec | undefined;
  /** How its plans differed from ours when that was last said; "" when they did not. */
  scheduleDiffers = "";
  version = "";
  lastError = "";
  readonly #address: Address;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #call: HttpCall;

  /**
   * @param url - May carry a user name and password.
   * @param headers - Sent with every request.
   */
  constructor(url: string, headers: Readonly<Record<string, string>>, call: HttpCall) {
    this.#address = readAddress(url);
    this.#headers = { ...headers, ...this.#address.headers };
    this.#call = call;
  }

  /** Without credentials: fit for logs. */
  get name(): string {
    return this.#address.name;
  }

  /** Whether its answers can be relied on now. */
  get usable(): boolean {
    const { reachable, syncDistance, optimistic } = this.health;
    return this.chain === "ours" && reachable && syncDistance <= SYNC_DISTANCE_MAX && !optimistic;
  }

  /** Lower is better, in milliseconds: what it usually takes, and handicaps for what is wrong with it. */
  score(kind?: string): number {
    const { reachable, syncDistance, optimistic, executionOffline } = this.health;
    return (
      (reachable ? 0 : 1e8) +
      (optimistic ? 1e7 : 0) +
      (syncDistance > SYNC_DISTANCE_MAX ? 1e6 + Math.min(syncDistance, 1e6) : 0) +
      // Devnet nodes say so of a healthy execution client, so it only decides between equals.
      (executionOffline ? 100 : 0) +
      1_000 * this.record.failures +
      (this.record.latencyMs(0.5, kind) ?? 0)
    );
  }

  /** Sends a request and hands back the response as it comes; the caller reads it to its end. */
  open(question: Question, signal: AbortSignal): Promise<Response> {
    const request = new Request(this.#address.urlOf(question.path), {
      method: question.method,
      headers: { ...this.#headers, accept: "application/json", ...question.headers },
      redirect: "manual",
      signal,
      ...(question.body === undefined ? {} : { body: question.body }),
    });
    return orAborted(this.#call(request, question.lane), signal);
  }

  /**
   * One request and its whole answer.
   *
   * @throws BeaconError `beacon/refused` for 4xx, `beacon/syncing` for 503, `beacon/bad-answer` when it is too long, of
   *   another content type, or a redirect, `beacon/unavailable` for everything else; the signal's reason.
   */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    // Without the query: it may be long, and its values say nothing about the failure.
    const path = (question.path.split("?")[0] as string).slice(0, 120);
    try {
      const response = await this.open(question, signal);
      if (response.status < 200 || response.status > 299) {
        const body = await readBody(response, { bytesMax: ERROR_BYTES_MAX, cut: true }, signal);
        const text = new TextDecoder().decode(body);
        throw refusal({ node: this.name, path, status: response.status, body: text });
      }
      const body = await readBody(response, { bytesMax: question.bytesMax ?? SMALL_BYTES_MAX }, signal);
      return { body, headers: response.headers, type: typeOf(response, body) };
    } catch (cause) {
      if (cause instanceof AssertionFailed) throw cause;
      if (signal.aborted) throw signal.reason;
      const facts = { node: this.name, path };
      throw cause instanceof BeaconError
        ? about(cause, facts)
        : new BeaconError("beacon/unavailable", "ask the beacon node", {
            cause,
            facts: { ...facts, reason: reasonOf(cause) },
          });
    }
  }
}

function typeOf(response: Response, body: Uint8Array): Answer["type"] {
  const named = (response.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (named === "application/octet-stream") return "ssz";
  // An accepted publication has no body, and then often no type or any.
  if (named === "" || named === "application/json" || body.length === 0) return "json";
  throw bad("content-type", "application/json or application/octet-stream");
}
