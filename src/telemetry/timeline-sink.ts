import type { Clock, DutyRecord, Logger, TimelineSink } from "../ports/index.ts";
import { type ChainSpec, type DutyId, dutyName, type OperatorIndex } from "../spec/index.ts";
import type { DutyDigest, DutyDigests } from "./duty-digest.ts";
import { DutyStory } from "./duty-story.ts";
import { DUTIES_IN_MEMORY } from "./limits.ts";

/** Ends of a duty's validators come one by one; those within this time share a line. */
const REPORT_AFTER_MS = 250;

export interface DutyTimelines extends TimelineSink {
  /** The duties held in memory, latest begun first. */
  recent(limit: number): readonly DutyRecord[];
  /** The same duties in few words: those that changed since the answer with this token, all of them without one. */
  digests(since?: string): DutyDigests;
  /** Reports and saves what still waits; for the end of the node. */
  flush(): void;
}

/** A story that is held in memory. */
interface Held {
  readonly story: DutyStory;
  /** Told by an earlier life of this node, and over; what is done for the duty now is another story. */
  readonly isEarlier: boolean;
  /** Counts up with every change of any story. */
  revision: number;
  cancelReport: (() => void) | undefined;
}

/**
 * Keeps the story of the latest duties, saves each when it ends, and says in one line how it went: `Duty broadcast`, or
 * `Duty failed` with its one cause.
 *
 * @param options.save - Gets finished stories; must not wait and not throw.
 * @param options.chain - Lets lines say how far into the slot a duty went out, and digests whether that was on time.
 * @param options.self - Whose partial signatures ours are.
 * @param options.meaning - What a cause means, and what to do.
 * @param options.earlier - What an earlier life saved, latest first: it is shown again, and neither reported nor saved anew.
 */
export function createTimelineSink(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  options: {
    readonly save?: (records: readonly DutyRecord[]) => void;
    readonly chain?: ChainSpec;
    readonly self?: OperatorIndex;
    readonly meaning?: (cause: string) => string | undefined;
    readonly dutiesMax?: number;
    readonly earlier?: readonly DutyRecord[];
  } = {},
): DutyTimelines {
  const { save, chain, self, meaning, dutiesMax = DUTIES_IN_MEMORY, earlier = [] } = options;
  const stories = new Map<string, Held>();
  /** Tells the answers of this life from those of an earlier one, whose revisions mean nothing here. */
  const life = Math.round(clock.now()).toString(36);
  let revision = 0;

  /** The story of a duty that goes on, with a new revision. */
  function changed(duty: DutyId): Held {
    const known = stories.get(dutyName(duty));
    const held =
      known === undefined || known.isEarlier ? hold(new DutyStory(duty, self), { isEarlier: false }) : known;
    held.revision = ++revision;
    return held;
  }

  function hold(story: DutyStory, { isEarlier }: Pick<Held, "isEarlier">): Held {
    const name = dutyName(story.duty);
    const held: Held = { story, isEarlier, revision, cancelReport: undefined };
    stories.delete(name); // The new one is the latest, and the last to leave.
    stories.set(name, held);
    const [oldest] = stories;
    if (stories.size > dutiesMax && oldest !== undefined) {
      report(oldest[1]);
      stories.delete(oldest[0]);
    }
    return held;
  }

  function reportSoon(held: Held): void {
    held.cancelReport ??= clock.at(clock.now() + REPORT_AFTER_MS, () => report(held));
  }

  function report(held: Held): void {
    const { story, cancelReport } = held;
    if (cancelReport === undefined) return;
    cancelReport();
    held.cancelReport = undefined;
    story.report(log, chain);
    if (story.hasEnded) save?.([story.record]);
  }

  for (const record of earlier.toReversed()) hold(DutyStory.ofRecord(record, self), { isEarlier: true });

  return {
    record(duty, entry) {
      const held = changed(duty);
      held.story.take(entry);
      if (entry.stage === "broadcast" && !held.story.isBroadcastReported) reportSoon(held);
    },
    finish(outcome) {
      const held = changed(outcome.duty);
      held.story.finish(outcome);
      reportSoon(held);
    },
    recent: (limit) =>
      [...stories.values()]
        .slice(-limit)
        .reverse()
        .map(({ story }) => story.record),
    digests(since = "") {
      const [ofLife, at] = since.split(".");
      const whole = ofLife !== life;
      const told = [...stories.values()].filter((held) => whole || held.revision > Number(at));
      const duties = told.map(({ story }) => story.digest(chain));
      return { token: `${life}.${revision}`, whole, duties, causes: causesIn(duties, meaning) };
    },
    flush() {
      for (const held of stories.values()) report(held);
    },
  };
}

function causesIn(
  duties: readonly DutyDigest[],
  meaning: (cause: string) => string | undefined = () => undefined,
): DutyDigests["causes"] {
  const causes = new Set(duties.flatMap(({ outcomes }) => outcomes.flatMap(({ cause }) => cause ?? [])));
  return Object.fromEntries([...causes].map((cause) => [cause, meaning(cause) ?? ""]));
}
