import type { Clock } from "../ports/index.ts";
import type { UnixMs } from "../spec/index.ts";

/** How long a timer sleeps before it looks at the clock again, so that a clock set forward is noticed within this time. */
const LOOK_AGAIN_MS = 1_000;

/**
 * The machine's clock. A timer is armed for the wall-clock time it was asked for: when the clock is set forward the action
 * comes within a second, when it is set back the action waits for the time to come round again.
 */
export const systemClock: Clock = clockOf(() => Date.now());

/**
 * A clock that begins with the machine's and then runs on by itself, whatever that one is set to: for waits that no slot
 * times. With the machine's, a pause of half a second lasts an hour when the clock is set back by one.
 */
export function steadyClock(): Clock {
  const ahead = Date.now() - performance.now();
  return clockOf(() => Math.round(ahead + performance.now()));
}

function clockOf(now: () => UnixMs): Clock {
  return {
    now,
    at(at, action) {
      let timer: NodeJS.Timeout;
      const arm = (): void => {
        const leftMs = at - now();
        timer = setTimeout(
          () => (at <= now() ? action() : arm()),
          Math.min(Math.max(leftMs, 0), LOOK_AGAIN_MS),
        );
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}
