import type { Clock } from "../../ports/index.ts";

/** How often the time goes on, by the machine's. */
const STEP_MS = 1;

/**
 * Time that runs up to `speed` times as fast as the machine's, so that pauses between attempts cost a test little. It goes on
 * by a step in each turn of this process's loop, and stands still while a file is read or written: so a limit is a number of
 * turns that everybody has, and none passes because a machine is busy with other things, or a disk is slow.
 */
export function quickClock(speed: number): Clock {
  let now = Date.now();
  let turns: NodeJS.Timeout | undefined;
  const waiting = new Set<{ readonly at: number; readonly action: () => void }>();
  const rest = (): void => {
    if (waiting.size > 0) return;
    clearInterval(turns);
    turns = undefined;
  };
  const step = (): void => {
    if (process.getActiveResourcesInfo().some(isFileRequest)) return;
    now += STEP_MS * speed;
    const due = [...waiting].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    for (const timer of due) if (waiting.delete(timer)) timer.action();
    rest();
  };
  return {
    now: () => now,
    at: (at, action) => {
      const timer = { at, action };
      waiting.add(timer);
      turns ??= setInterval(step, STEP_MS);
      return () => {
        if (waiting.delete(timer)) rest();
      };
    },
  };
}

const isFileRequest = (resource: string): boolean => /^FSReq|^CloseReq/.test(resource);
