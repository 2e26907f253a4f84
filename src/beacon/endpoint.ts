import type { Clock } from "../ports/index.ts";
import { BeaconError, quote } from "./errors.ts";
import { type HttpCall, type HttpRequest, readBody } from "./http.ts";
import { ANSWER_BYTES_MAX, ERROR_BYTES_MAX, HEDGE_MS_MIN, SYNC_DISTANCE_MAX } from "./limits.ts";

export interface Answer {
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly ssz: boolean;
}

/** What the node said of itself when it was last asked. */
export interface Health {
  readonly reachable: boolean;
  readonly syncDistance: number;
  readonly optimistic: boolean;
  readonly executionOffline: boolean;
}

const LATENCIES_KEPT = 64;

/** One beacon node: its address, how it has been doing, and one call to it. */
export class Endpoint {
  /** Without credentials: fit for logs. */
  readonly name: string;
  readonly #base: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #call: HttpCall;
  readonly #clock: Clock;
  #latencies: number[] = [];
  health: Health = { reachable: true, syncDistance: 0, optimistic: false, executionOffline: false };
  version = "";
  lastError = "";
  /** Serves another chain than the others; never asked again. */
  foreign = false;

  /** @param url - May carry a user name and password. */
  constructor(url: URL, call: HttpCall, clock: Clock) {
    const { username, password } = url;
    this.#headers =
      username === ""
        ? {}
        : {
            authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`,
          };
    const plain = new URL(url);
    plain.username = "";
    plain.password = "";
    this.name = plain.host + plain.pathname.replace(/\/$/, "");
    this.#base = plain.href.replace(/\/$/, "");
    this.#call = call;
    this.#clock = clock;
  }

  /** Whether its answers can be relied on now. */
  get usable(): boolean {
    return (
      !this.foreign &&
      this.health.reachable &&
      this.health.syncDistance <= SYNC_DISTANCE_MAX &&
      !this.health.optimistic
    );
  }

  /** Lower is better: unusable nodes last, then by how quickly they answer. */
  get rank(): number {
    const penalty = this.foreign
      ? 1e9
      : !this.health.reachable
        ? 1e8
        : this.health.optimistic
          ? 1e7
          : this.health.syncDistance > SYNC_DISTANCE_MAX
            ? 1e6
            : 0;
    return penalty + this.latencyMs(0.5);
  }

  latencyMs(quantile: number): number {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? 0;
  }

  /** After this long without an answer another node is asked too. */
  get hedgeMs(): number {
    return Math.max(HEDGE_MS_MIN, 1.5 * this.latencyMs(0.95));
  }

  /** Opens a stream; the caller reads it to its end. */
  async open(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ status: number; body: AsyncIterable<Uint8Array> }> {
    return this.#call({
      method: "GET",
      url: this.#base + path,
      headers: { ...this.#headers, ...headers },
      signal,
    });
  }

  /**
   * One request and its whole answer.
   *
   * @throws BeaconError `beacon/refused` for 4xx, `beacon/syncing` for 503, `beacon/unavailable` for everything else.
   */
  async ask(
    request: Omit<HttpRequest, "url" | "signal"> & { readonly path: string },
    signal: AbortSignal,
  ): Promise<Answer> {
    const startedAt = this.#clock.now();
    try {
      const { path, ...rest } = request;
      const answer = await this.#call({
        ...rest,
        url: this.#base + path,
        headers: { ...this.#headers, ...request.headers },
        signal,
      });
      if (answer.status < 200 || answer.status > 299)
        throw await this.#refusal(path, answer.status, answer.body);
      const body = await readBody(answer.body, ANSWER_BYTES_MAX);
      this.#latencies = [...this.#latencies, this.#clock.now() - startedAt].slice(-LATENCIES_KEPT);
      return {
        body,
        headers: answer.headers,
        ssz: (answer.headers["content-type"] ?? "").startsWith("application/octet-stream"),
      };
    } catch (cause) {
      if (signal.aborted) throw cause;
      const error =
        cause instanceof BeaconError
          ? cause
          : new BeaconError("beacon/unavailable", "ask the beacon node", {
              cause,
              facts: { node: this.name, path: request.path.slice(0, 120) },
            });
      this.lastError = quote(error.cause instanceof Error ? error.cause.message : error.message);
      throw error;
    }
  }

  async #refusal(path: string, status: number, body: AsyncIterable<Uint8Array>): Promise<BeaconError> {
    let reason = "";
    try {
      reason = new TextDecoder().decode(await readBody(body, ERROR_BYTES_MAX));
      const json = JSON.parse(reason) as { message?: unknown };
      if (typeof json.message === "string") reason = json.message;
    } catch {
      // Not JSON, or too long: what was read is said as it is.
    }
    const code =
      status === 503
        ? "beacon/syncing"
        : status >= 400 && status < 500
          ? "beacon/refused"
          : "beacon/unavailable";
    return new BeaconError(code, "ask the beacon node", {
      facts: { node: this.name, path: path.slice(0, 120), status, reason: quote(reason) },
    });
  }
}
