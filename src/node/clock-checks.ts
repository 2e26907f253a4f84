import { explain } from "../base/index.ts";
import { type BeaconNode, type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, slotAt } from "../spec/index.ts";

const LOOK_MS = 1_000;
/** Blocks come a little early under clocks that differ; a chain never has one that is two slots ahead. */
const AHEAD_SLOTS_MAX = 1;
/** Steps back that time makes up for by itself before anybody misses it. */
const SET_BACK_MAX_MS = 60_000;

/**
 * Waits while the chain is ahead of this machine's clock, as it is where a clock starts anew with the machine. What the
 * watch for doubles believes depends on the time, so it must not begin with a wrong one. A beacon node that does not
 * answer holds nothing up.
 *
 * @throws the signal's reason when it fires first.
 */
export async function untilClockAgrees(
  {
    clock,
    chain,
    beacon,
    log,
  }: {
    readonly clock: Clock;
    readonly chain: ChainSpec;
    readonly beacon: Pick<BeaconNode, "block">;
    readonly log: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  for (let told = false; ; told = true) {
    const head = await beacon.block("head", signal).catch((error: unknown) => {
      signal.throwIfAborted();
      log.debug("Head not read", { why: explain(error) });
      return undefined;
    });
    const aheadSlots = (head?.slot ?? 0) - Math.max(0, slotAt(chain, clock.now()));
    if (aheadSlots <= AHEAD_SLOTS_MAX) return;
    if (!told)
      log.error("This machine's clock is behind the chain; waiting until it is set", {
        behindSeconds: Math.floor((aheadSlots * chain.slotMs) / 1_000),
      });
    await sleepUntil(clock, clock.now() + LOOK_MS, signal);
  }
}

/**
 * Tells when the clock was set back by more than a minute. Everything that waits for a time would wait until it has come
 * round again; a node that begins anew need not.
 *
 * @param read - Milliseconds of the wall clock, and of one that nobody sets.
 * @returns A function that ends the watch.
 */
export function watchForSetBack(
  onSetBack: (byMs: number) => void,
  read: { readonly wall: () => number; readonly steady: () => number } = {
    wall: () => Date.now(),
    steady: () => performance.now(),
  },
): () => void {
  const offset = (): number => read.wall() - read.steady();
  let latest = offset();
  const timer = setInterval(() => {
    const now = offset();
    const byMs = latest - now;
    latest = now;
    if (byMs > SET_BACK_MAX_MS) onSetBack(Math.round(byMs));
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
