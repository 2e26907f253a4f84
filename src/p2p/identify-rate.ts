import type { Connection, Stream } from "@libp2p/interface";
import { IDENTIFY_BURST_MAX, IDENTIFY_PER_SECOND_MAX } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What libp2p's identify has beside its interface; pinned by the exact version in package.json and by our tests. */
interface InnerIdentify {
  handleProtocol(stream: Stream, connection: Connection): Promise<void>;
}

/**
 * Lets a peer ask who we are a few times on each connection. Peers ask once, and libp2p signs the answer anew each time (0.6 ms), so
 * that one that asks on as many streams as it may open has half of our time. Call it before the host is started.
 */
export function limitIdentify(
  identify: unknown,
  needs: { readonly now: () => number; readonly onRefused: (connection: Connection) => void },
): void {
  const service = identify as InnerIdentify;
  const buckets = new WeakMap<Connection, TokenBucket>();
  const answer = service.handleProtocol.bind(service);
  service.handleProtocol = async (stream, connection) => {
    const bucket =
      buckets.get(connection) ??
      new TokenBucket({ perSecond: IDENTIFY_PER_SECOND_MAX, burst: IDENTIFY_BURST_MAX, now: needs.now() });
    buckets.set(connection, bucket);
    if (bucket.take(needs.now())) return await answer(stream, connection);
    needs.onRefused(connection);
    stream.abort(new Error("told who we are often enough"));
  };
}
