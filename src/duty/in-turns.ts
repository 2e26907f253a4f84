import { type Clock, sleepUntil } from "../ports/index.ts";
import { LIMITS } from "./limits.ts";

const never = new AbortController().signal;

/** Reads encoded items in order; after each few of them the process has time for other work. Rejects with what `read` throws. */
export async function inTurns<T extends { readonly data: Uint8Array }, R>(
  clock: Clock,
  items: readonly T[],
  read: (item: T) => R,
): Promise<readonly R[]> {
  const done: R[] = [];
  let count = 0;
  let bytes = 0;
  for (const item of items) {
    if (count >= LIMITS.partialsPerTurn || bytes >= LIMITS.partialBytesPerTurn) {
      await sleepUntil(clock, clock.now(), never);
      count = 0;
      bytes = 0;
    }
    done.push(read(item));
    count++;
    bytes += item.data.length;
  }
  return done;
}
