import type { Facts } from "../base/index.ts";
import type { Clock, DutyOutcome, DutyRecord, Logger, TimelineEntry, TimelineSink } from "../ports/index.ts";
import { type DutyId, dutyName, type GroupKey, type Slot, type UnixMs } from "../spec/index.ts";
import { DUTIES_IN_MEMORY, ENTRIES_PER_DUTY_MAX, KEYS_PER_OUTCOME_MAX } from "./limits.ts";

/** Ends of a duty's validators come one by one; those within this time share a line. */
const REPORT_AFTER_MS = 250;

export interface DutyTimelines extends TimelineSink {
  /** The duties held in memory, latest begun first. */
  recent(limit: number): readonly DutyRecord[];
  /** Reports and saves what still waits; for the end of the node. */
  flush(): void;
}

interface Group {
  readonly outcome: DutyOutcome["outcome"];
  readonly cause: string | undefined;
  validators: number;
  reported: number;
  readonly groupKeys: GroupKey[];
}

interface Story {
  readonly duty: DutyId;
  readonly entries: TimelineEntry[];
  readonly groups: Map<string, Group>;
  broadcastReported: boolean;
  cancelReport: (() => void) | undefined;
}

/**
 * Keeps the story of the latest duties, saves each when it ends, and says in one line how it went: `Duty broadcast`, or
 * `Duty failed` with its one cause.
 *
 * @param options.save - Gets finished stories; must not wait and not throw.
 * @param options.slotStart - Lets lines say how far into the slot a duty went out.
 */
export function createTimelineSink(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  options: {
    readonly save?: (records: readonly DutyRecord[]) => void;
    readonly slotStart?: (slot: Slot) => UnixMs;
    readonly dutiesMax?: number;
  } = {},
): DutyTimelines {
  const { save, slotStart, dutiesMax = DUTIES_IN_MEMORY } = options;
  const stories = new Map<string, Story>();

  function storyOf(duty: DutyId): Story {
    const name = dutyName(duty);
    const known = stories.get(name);
    if (known !== undefined) return known;
    const story: Story = {
      duty,
      entries: [],
      groups: new Map(),
      broadcastReported: false,
      cancelReport: undefined,
    };
    stories.set(name, story);
    if (stories.size > dutiesMax) {
      const [oldest] = stories;
      if (oldest !== undefined) {
        report(oldest[1]);
        stories.delete(oldest[0]);
      }
    }
    return story;
  }

  function reportSoon(story: Story): void {
    story.cancelReport ??= clock.at(clock.now() + REPORT_AFTER_MS, () => report(story));
  }

  function report(story: Story): void {
    if (story.cancelReport === undefined) return;
    story.cancelReport();
    story.cancelReport = undefined;
    reportBroadcast(story);
    for (const group of story.groups.values()) reportGroup(story.duty, group);
    if (story.groups.size > 0) save?.([recordOf(story)]);
  }

  function reportBroadcast(story: Story): void {
    const sent = story.entries.find((entry) => entry.stage === "broadcast");
    if (sent === undefined || story.broadcastReported) return;
    story.broadcastReported = true;
    const round = story.entries.find((entry) => entry.stage === "decided")?.facts?.["round"];
    log.info("Duty broadcast", {
      duty: dutyName(story.duty),
      ...sent.facts,
      ...(round === undefined ? {} : { round }),
      ...(slotStart === undefined ? {} : { intoSlotMs: Math.round(sent.at - slotStart(story.duty.slot)) }),
    });
  }

  function reportGroup(duty: DutyId, group: Group): void {
    const validators = group.validators - group.reported;
    if (validators === 0) return;
    group.reported = group.validators;
    const facts: Facts = {
      duty: dutyName(duty),
      validators,
      ...(group.cause === undefined ? {} : { cause: group.cause }),
    };
    switch (group.outcome) {
      case "failed":
        return log.warn("Duty failed", facts);
      case "not-included":
        return log.warn("Duty broadcast but not included", facts);
      case "included":
        return log.debug("Duty included", facts);
      case "broadcast":
        return undefined; // Said when it went out.
    }
  }

  return {
    record(duty, entry) {
      const story = storyOf(duty);
      if (story.entries.length < ENTRIES_PER_DUTY_MAX) story.entries.push(entry);
      if (entry.stage === "broadcast" && !story.broadcastReported) reportSoon(story);
    },
    finish({ duty, groupKey, outcome, cause }) {
      const story = storyOf(duty);
      const key = `${outcome} ${cause ?? ""}`;
      const group = story.groups.get(key) ?? { outcome, cause, validators: 0, reported: 0, groupKeys: [] };
      story.groups.set(key, group);
      group.validators++;
      if (group.groupKeys.length < KEYS_PER_OUTCOME_MAX) group.groupKeys.push(groupKey);
      reportSoon(story);
    },
    recent: (limit) => [...stories.values()].slice(-limit).reverse().map(recordOf),
    flush() {
      for (const story of stories.values()) report(story);
    },
  };
}

function recordOf({ duty, entries, groups }: Story): DutyRecord {
  return {
    duty,
    entries: [...entries],
    outcomes: [...groups.values()].map(({ outcome, cause, validators, groupKeys }) => ({
      outcome,
      ...(cause === undefined ? {} : { cause }),
      validators,
      groupKeys: [...groupKeys],
    })),
  };
}
