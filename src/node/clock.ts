import type { Clock } from "../ports/index.ts";

/** How long a timer sleeps before it looks at the clock again, so that a clock set forward is noticed within this time. */
const LOOK_AGAIN_MS = 1_000;

/**
 * The machine's clock. A timer is armed for the wall-clock time it was asked for: when the clock is set forward the action
 * comes within a second, when it is set back the action waits for the time to come round again.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  at(at, action) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = at - Date.now();
      timer = setTimeout(
        () => (at <= Date.now() ? action() : arm()),
        Math.min(Math.max(leftMs, 0), LOOK_AGAIN_MS),
      );
    };
    arm();
    return () => clearTimeout(timer);
  },
};
