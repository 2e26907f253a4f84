import type { Slot } from "../spec/index.ts";
import { RESULTS_MAX } from "./limits.ts";
import { type TopicResult, textOfAny } from "./wire.ts";

/** What a threshold of operators can do, best first; empty where nothing is shared. */
export interface Agreed {
  readonly version: readonly string[];
  readonly protocol: readonly string[];
  readonly proposal: readonly string[];
}

/** From here on Charon reads several sync contributions of one validator in an agreed value (core/infosync). */
const SEVERAL_CONTRIBUTIONS_SINCE = { major: 1, minor: 11 };

/** What was agreed, by the slot from which on it holds. */
export class Results {
  readonly #bySlot: { readonly slot: Slot; readonly agreed: Agreed }[] = [];

  add(slot: Slot, topics: readonly TopicResult[]): Agreed {
    const texts = (name: string): readonly string[] =>
      (topics.find(({ topic }) => textOfAny(topic) === name)?.priorities ?? [])
        .map(({ priority }) => textOfAny(priority))
        .filter((text) => text !== undefined);
    const agreed = { version: texts("version"), protocol: texts("protocol"), proposal: texts("proposal") };
    this.#bySlot.push({ slot, agreed });
    if (this.#bySlot.length > RESULTS_MAX) this.#bySlot.shift();
    return agreed;
  }

  /** The latest agreement at or before a slot. */
  at(slot: Slot): Agreed | undefined {
    return this.#bySlot.findLast((result) => result.slot <= slot)?.agreed;
  }

  /** Whether a threshold of operators has what v1.11 has; undefined before the first agreement. */
  severalContributions(slot: Slot): boolean | undefined {
    return this.at(slot)?.version.some((version) => {
      const [, major = 0, minor = 0] = /^v(\d{1,6})\.(\d{1,6})/.exec(version)?.map(Number) ?? [];
      const since = SEVERAL_CONTRIBUTIONS_SINCE;
      return major > since.major || (major === since.major && minor >= since.minor);
    });
  }
}
