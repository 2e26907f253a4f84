import type { Clock } from "../ports/index.ts";

/** setTimeout holds 31 bits; a later time is approached in steps. */
const STEP_MAX_MS = 60_000;

/** The machine's clock. */
export const wallClock: Clock = {
  now: () => Date.now(),
  at(at, action) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const waitMs = Math.min(Math.max(at - Date.now(), 0), STEP_MAX_MS);
      timer = setTimeout(() => (Date.now() >= at ? action() : arm()), waitMs);
    };
    arm();
    return () => clearTimeout(timer);
  },
};
