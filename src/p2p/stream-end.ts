import type { Stream } from "@libp2p/interface";
import { LINGER_MS } from "./limits.ts";

/**
 * Finishes our side of a stream and sees to it that the stream is gone soon: a peer that leaves its side open would
 * otherwise fill our table of streams.
 */
export function endSoon(stream: Stream): void {
  if (stream.status !== "open") return;
  const timer = setTimeout(() => stream.abort(new Error("peer left the stream open")), LINGER_MS);
  timer.unref();
  stream.addEventListener("close", () => clearTimeout(timer), { once: true });
  const failed = (cause: unknown): void =>
    stream.abort(cause instanceof Error ? cause : new Error(String(cause)));
  stream.closeRead().catch(failed);
  stream.close().catch(failed);
}
