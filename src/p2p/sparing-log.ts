import type { Facts } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { LINES_ABOUT_PEER_BURST_MAX, LINES_ABOUT_PEER_INTERVAL_MS } from "./limits.ts";
import { TokenBucket } from "./token-bucket.ts";

/**
 * A log for what a peer can bring about as often as it likes, such as that it comes and goes: it takes so many lines of one
 * sentence about one peer, and then one in a while, which says how many were left out.
 */
export function sparingLog(log: Logger): Logger {
  const told = new Map<string, { readonly lines: TokenBucket; leftOut: number }>();
  const sparing =
    (say: (sentence: string, facts?: Facts) => void) =>
    (sentence: string, facts: Facts = {}): void => {
      const about = `${String(facts["peer"])} ${sentence}`;
      const one = told.get(about) ?? { lines: newBucket(), leftOut: 0 };
      told.set(about, one);
      if (!one.lines.take(performance.now())) {
        one.leftOut++;
        return;
      }
      say(sentence, one.leftOut === 0 ? facts : { ...facts, moreSinceLastLine: one.leftOut });
      one.leftOut = 0;
    };
  return {
    error: sparing(log.error.bind(log)),
    warn: sparing(log.warn.bind(log)),
    info: sparing(log.info.bind(log)),
    debug: log.debug.bind(log),
    room: (name) => sparingLog(log.room(name)),
  };
}

const newBucket = (): TokenBucket =>
  new TokenBucket({
    perSecond: 1_000 / LINES_ABOUT_PEER_INTERVAL_MS,
    burst: LINES_ABOUT_PEER_BURST_MAX,
    now: performance.now(),
  });
