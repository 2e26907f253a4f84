import { LIMITS } from "./limits.ts";

/** Reads encoded items in order, each few of them in a turn of their own. Rejects with what `read` throws. */
export async function inTurns<T extends { readonly data: Uint8Array }, R>(
  turn: () => Promise<void>,
  items: readonly T[],
  read: (item: T) => R,
): Promise<readonly R[]> {
  const done: R[] = [];
  let count = 0;
  let bytes = 0;
  for (const item of items) {
    if (count >= LIMITS.partialsPerTurn || bytes >= LIMITS.partialBytesPerTurn) {
      await turn();
      count = 0;
      bytes = 0;
    }
    done.push(read(item));
    count++;
    bytes += item.data.length;
  }
  return done;
}
