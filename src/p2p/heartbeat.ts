import { randomBytes } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { equalBytes } from "../base/index.ts";
import type { Meter } from "../ports/index.ts";
import { lazily } from "./lazy-negotiation.ts";
import { LOST_PINGS_MAX, PING_INTERVAL_MS, PING_TIMEOUT_MS, SURPLUS_PINGS } from "./limits.ts";
import type { Link, Links } from "./links.ts";
import { p2pMetrics } from "./metrics.ts";
import { endSoon } from "./stream-end.ts";
import { deadline, pause } from "./waiting.ts";

export const PING_PROTOCOL = "/ipfs/ping/1.0.0";
export const PING_BYTES = 32;

/**
 * Pings every link for as long as it lives. The first answer makes a link count as connected; too many lost pings in a row
 * end it, which is how a peer that vanished without a word is noticed. One that has been in surplus for some pings is ended too.
 */
export class Heartbeat {
  readonly #links: Links;
  readonly #intervalMs: number;
  readonly #latency: { observe(value: number, labels: Record<string, string>): void };
  readonly #success: { set(value: number, labels: Record<string, string>): void };
  readonly #errors: { add(by: number, labels: Record<string, string>): void };

  constructor(needs: { links: Links; meter: Meter; intervalMs?: number }) {
    this.#links = needs.links;
    this.#intervalMs = needs.intervalMs ?? PING_INTERVAL_MS;
    const { pingLatency, pingSuccess, pingErrors } = p2pMetrics(needs.meter);
    this.#latency = pingLatency;
    this.#success = pingSuccess;
    this.#errors = pingErrors;
  }

  /** Settles when the link is gone; never rejects. */
  async keep(link: Link): Promise<void> {
    const end = {
      everyMs: this.#intervalMs,
      ended: link.closed,
      patience: () => (link.verified ? LOST_PINGS_MAX : 1),
    };
    let inSurplus = 0;
    const ask = async (): Promise<boolean> => {
      const answered = await this.#ping(link);
      if (!answered) this.#links.doubt(link);
      inSurplus = answered && this.#links.isForUsToEnd(link) ? inSurplus + 1 : 0;
      if (inSurplus >= SURPLUS_PINGS) await endGently(link);
      return answered;
    };
    if ((await whileAnswering(ask, end)) === "lost")
      link.connection.abort(new Error("peer does not answer pings"));
    this.#success.set(this.#links.best(link.peer.operator) === undefined ? 0 : 1, { peer: link.peer.name });
  }

  async #ping(link: Link): Promise<boolean> {
    const peer = link.peer.name;
    const limit = deadline(PING_TIMEOUT_MS, link.closed);
    try {
      const seconds = await ping(link.connection, limit.signal);
      link.rttMs = seconds * 1000;
      this.#links.verify(link);
      this.#latency.observe(seconds, { peer });
      this.#success.set(1, { peer });
      return true;
    } catch {
      this.#errors.add(1, { peer });
      return false;
    } finally {
      limit.clear();
    }
  }
}

/** What is on its way is still read. */
async function endGently({ connection }: Link): Promise<void> {
  try {
    await connection.close();
  } catch {
    connection.abort(new Error("one connection too many"));
  }
}

/**
 * Asks the other end of a connection again and again, at once when an answer was lost.
 *
 * @param ask - Whether it answered.
 * @param patience - How many answers in a row may be lost.
 * @returns "lost" when so many were; "ended" when the signal fired. Rejects only as `ask` does.
 */
export async function whileAnswering(
  ask: () => Promise<boolean>,
  { everyMs, ended, patience }: { everyMs: number; ended: AbortSignal; patience: () => number },
): Promise<"lost" | "ended"> {
  for (let lost = 0; !ended.aborted; ) {
    const answered = await ask();
    if (ended.aborted) break;
    lost = answered ? 0 : lost + 1;
    if (lost >= patience()) return "lost";
    await pause(answered ? everyMs : 0, ended);
  }
  return "ended";
}

/**
 * One round trip to the peer, in seconds.
 *
 * @throws when the connection breaks, the answer is wrong, or the signal fires.
 * @spec libp2p ping/ping.md
 */
export async function ping(connection: Connection, signal: AbortSignal): Promise<number> {
  const stream = await connection.newStream(PING_PROTOCOL, lazily({ signal, runOnLimitedConnection: true }));
  try {
    return await new Promise((resolve, reject) => {
      const sent = new Uint8Array(randomBytes(PING_BYTES));
      const received: Uint8Array[] = [];
      const start = performance.now();
      stream.addEventListener("message", ({ data }: { data: Uint8Array | Uint8ArrayList }) => {
        received.push(data.subarray());
        const bytes = Buffer.concat(received);
        if (bytes.length < PING_BYTES) return;
        if (equalBytes(bytes, sent)) resolve((performance.now() - start) / 1000);
        else reject(new Error("wrong answer to a ping"));
      });
      stream.addEventListener("close", (event) => reject(event.error ?? new Error("ping stream closed")));
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      stream.send(sent);
    });
  } finally {
    endSoon(stream);
  }
}
