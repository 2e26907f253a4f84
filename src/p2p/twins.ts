import type { OperatorIndex } from "../spec/index.ts";
import { TWIN_AFTER_MS, TWIN_CLOCKS_DIFFER_MS, TWIN_FORGOTTEN_MS } from "./limits.ts";

/** What is known of an operator's programs: the one that started last, and one that had started before and lives on. */
interface Programs {
  readonly startedAt: number;
  readonly firstHeardAt: number;
  olderHeardAt: number | undefined;
  /** When the newest one was heard after the older one. */
  provedAt: number | undefined;
}

/**
 * Notices an operator of whom two programs run: whichever of them speaks says when it was started. A restart leaves no trace, as
 * the earlier program is never heard again. What is still on its way from it was sent before the later one began, so it has
 * to have been sent after that; and the later one has to be heard again after it, so that a clock that was set back between
 * two lives proves nothing. What each says and how it votes does not matter.
 */
export class Twins {
  readonly #programs = new Map<OperatorIndex, Programs>();

  /**
   * A program of this operator spoke.
   *
   * @param told - By its own clock, in Unix milliseconds.
   * @param now - Ours, steady.
   */
  heard(
    operator: OperatorIndex,
    told: { readonly startedAt: number; readonly sentAt: number },
    now: number,
  ): void {
    const known = this.#programs.get(operator);
    if (known === undefined || told.startedAt > known.startedAt)
      this.#programs.set(operator, {
        startedAt: told.startedAt,
        firstHeardAt: now,
        olderHeardAt: undefined,
        provedAt: undefined,
      });
    else if (told.startedAt < known.startedAt) {
      if (told.sentAt > known.startedAt + TWIN_CLOCKS_DIFFER_MS) known.olderHeardAt = now;
    } else if (isRecent(known.olderHeardAt, now) && now - known.firstHeardAt >= TWIN_AFTER_MS)
      known.provedAt = now;
  }

  /** Whether two programs run as this operator, as far as was heard lately. */
  has(operator: OperatorIndex, now: number): boolean {
    const known = this.#programs.get(operator);
    return known !== undefined && isRecent(known.olderHeardAt, now) && isRecent(known.provedAt, now);
  }
}

function isRecent(at: number | undefined, now: number): boolean {
  return at !== undefined && now - at < TWIN_FORGOTTEN_MS;
}
