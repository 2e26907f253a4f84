import type { Connection, Stream } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";
import { nothingFollows } from "./framing.ts";
import { PING_BYTES, PING_PROTOCOL } from "./heartbeat.ts";
import { PING_STREAM_MAX_MS, PINGS_BURST_MAX, PINGS_PER_SECOND_MAX } from "./limits.ts";
import type { Roster } from "./roster.ts";
import { endSoon } from "./stream-end.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { Violations } from "./violations.ts";
import { Bell, deadline } from "./waiting.ts";

/**
 * Answers pings, so many of each peer. libp2p's own answers whatever comes as quickly as it comes, which lets one peer or
 * relay take all our time.
 *
 * @spec libp2p ping/ping.md
 */
export class PingServer {
  readonly #roster: Roster;
  readonly #violations: Violations;
  readonly #now: () => number;
  readonly #streamMaxMs: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(needs: { roster: Roster; violations: Violations; now: () => number; streamMaxMs?: number }) {
    this.#roster = needs.roster;
    this.#violations = needs.violations;
    this.#now = needs.now;
    this.#streamMaxMs = needs.streamMaxMs ?? PING_STREAM_MAX_MS;
  }

  /** Serves one stream to its end; never rejects. */
  async serve(stream: Stream, connection: Connection): Promise<void> {
    const who = this.#roster.whoIs(connection.remotePeer);
    if (who === undefined) return stream.abort(new Error("neither an operator nor a relay"));
    const bucket = this.#bucketOf(who.name);
    const waiting = new Uint8ArrayList();
    const changed = new Bell();
    const limit = deadline(this.#streamMaxMs);
    const end = (): void => changed.ring();
    const answer = ({ data }: { data: Uint8Array | Uint8ArrayList }): void => {
      waiting.append(data);
      while (waiting.byteLength >= PING_BYTES) {
        if (!bucket.take(this.#now())) {
          this.#violations.count(who.name, "rate", PING_PROTOCOL);
          waiting.consume(waiting.byteLength);
          return stream.abort(new Error("too many pings"));
        }
        // A stream that is over on our side throws, and what throws in a listener ends the process.
        if (stream.writeStatus === "writable") stream.send(waiting.sublist(0, PING_BYTES));
        waiting.consume(PING_BYTES);
      }
      changed.ring();
    };
    stream.addEventListener("remoteCloseWrite", end);
    stream.addEventListener("close", end);
    stream.addEventListener("message", answer);
    while (!limit.signal.aborted && !nothingFollows(stream)) await changed.wait(undefined, limit.signal);
    limit.clear();
    stream.removeEventListener("message", answer);
    endSoon(stream);
  }

  #bucketOf(name: string): TokenBucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const bucket = new TokenBucket({
      perSecond: PINGS_PER_SECOND_MAX,
      burst: PINGS_BURST_MAX,
      now: this.#now(),
    });
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
