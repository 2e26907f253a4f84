import { setImmediate as nextTurn } from "node:timers/promises";

/** How long we compute before others get their turn: peers want answers while we do. */
const TURN_MS = 15;

/** `work` for each item, in order, in turns with everything else that this process does. */
export async function inTurns<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T, index: number) => R,
): Promise<R[]> {
  const results: R[] = [];
  let turnEnds = performance.now() + TURN_MS;
  for (const [i, item] of items.entries()) {
    if (performance.now() >= turnEnds) {
      await nextTurn();
      signal.throwIfAborted();
      turnEnds = performance.now() + TURN_MS;
    }
    results.push(work(item, i));
  }
  return results;
}

/** `work` for `size` items at a time, at least one, in order; everything else has its turn in between. */
export async function inPieces<T, R>(
  items: readonly T[],
  size: number,
  signal: AbortSignal,
  work: (piece: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const step = Math.max(1, Math.floor(size));
  const results: R[] = [];
  for (let at = 0; at < items.length; at += step) {
    results.push(...(await work(items.slice(at, at + step))));
    await nextTurn();
    signal.throwIfAborted();
  }
  return results;
}
