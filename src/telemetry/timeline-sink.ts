import type { Facts } from "../base/index.ts";
import type { Clock, DutyOutcome, DutyRecord, Logger, TimelineEntry, TimelineSink } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyName,
  type GroupKey,
  type OperatorIndex,
  slotStart,
} from "../spec/index.ts";
import { DigestNotes, type DutyDigest, type DutyDigests, WATCHING } from "./duty-digest.ts";
import { DUTIES_IN_MEMORY, ENTRIES_PER_DUTY_MAX, KEYS_PER_OUTCOME_MAX } from "./limits.ts";

/** The cause of what this node leaves to the others when it is stopped. Of docs/causes.md. */
const STOPPED = "stopped";

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

interface Group {
  readonly outcome: DutyOutcome["outcome"];
  readonly cause: string | undefined;
  validators: number;
  reported: number;
  readonly groupKeys: GroupKey[];
}

interface Story {
  readonly duty: DutyId;
  /** Told by an earlier life of this node, and over; what is done for the duty now is another story. */
  readonly isEarlier: boolean;
  readonly entries: TimelineEntry[];
  readonly groups: Map<string, Group>;
  readonly notes: DigestNotes;
  /** Counts up with every change of any story. */
  revision: number;
  broadcastReported: boolean;
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
  const stories = new Map<string, Story>();
  /** Tells the answers of this life from those of an earlier one, whose revisions mean nothing here. */
  const life = Math.round(clock.now()).toString(36);
  let revision = 0;

  function storyOf(duty: DutyId): Story {
    const known = stories.get(dutyName(duty));
    return known === undefined || known.isEarlier ? newStory(duty, { isEarlier: false }) : known;
  }

  function newStory(duty: DutyId, { isEarlier }: Pick<Story, "isEarlier">): Story {
    const name = dutyName(duty);
    const story: Story = {
      duty,
      isEarlier,
      entries: [],
      groups: new Map(),
      notes: new DigestNotes(self),
      revision,
      broadcastReported: false,
      cancelReport: undefined,
    };
    stories.delete(name); // The new one is the latest, and the last to leave.
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

  function retell({ duty, entries, outcomes }: DutyRecord): void {
    const story = newStory(duty, { isEarlier: true });
    for (const entry of entries) tell(story, entry);
    for (const { outcome, cause, validators, groupKeys } of outcomes)
      story.groups.set(`${outcome} ${cause ?? ""}`, {
        outcome,
        cause,
        validators,
        reported: validators,
        groupKeys: [...groupKeys],
      });
  }

  function tell(story: Story, entry: TimelineEntry): void {
    story.notes.take(entry);
    if (story.entries.length < ENTRIES_PER_DUTY_MAX) story.entries.push(entry);
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
      ...(chain === undefined ? {} : { intoSlotMs: Math.round(sent.at - slotStart(chain, story.duty.slot)) }),
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
        // As it should be, and for two epochs every duty.
        if (group.cause === WATCHING)
          return log.debug("Duty watched, and left to the other operators", facts);
        if (group.cause === STOPPED) return log.info("Duty left, as the node stops", facts);
        return log.warn("Duty failed", facts);
      case "not-included":
        return log.warn("Duty broadcast but not included", facts);
      case "included":
        return log.debug("Duty included", facts);
      case "broadcast":
        return undefined; // Said when it went out.
    }
  }

  for (const record of earlier.toReversed()) retell(record);

  return {
    record(duty, entry) {
      const story = storyOf(duty);
      story.revision = ++revision;
      tell(story, entry);
      if (entry.stage === "broadcast" && !story.broadcastReported) reportSoon(story);
    },
    finish({ duty, groupKey, outcome, cause }) {
      const story = storyOf(duty);
      story.revision = ++revision;
      const key = `${outcome} ${cause ?? ""}`;
      const group = story.groups.get(key) ?? { outcome, cause, validators: 0, reported: 0, groupKeys: [] };
      story.groups.set(key, group);
      group.validators++;
      if (group.groupKeys.length < KEYS_PER_OUTCOME_MAX) group.groupKeys.push(groupKey);
      reportSoon(story);
    },
    recent: (limit) => [...stories.values()].slice(-limit).reverse().map(recordOf),
    digests(since = "") {
      const [ofLife, at] = since.split(".");
      const whole = ofLife !== life;
      const changed = [...stories.values()].filter((story) => whole || story.revision > Number(at));
      const duties = changed.map(({ duty, notes, groups }) =>
        notes.digest(duty, [...groups.values()].map(outcomeOf), chain),
      );
      return { token: `${life}.${revision}`, whole, duties, causes: causesIn(duties, meaning) };
    },
    flush() {
      for (const story of stories.values()) report(story);
    },
  };
}

function recordOf({ duty, entries, groups }: Story): DutyRecord {
  return {
    duty,
    entries: [...entries],
    outcomes: [...groups.values()].map((group) => ({ ...outcomeOf(group), groupKeys: [...group.groupKeys] })),
  };
}

function outcomeOf({ outcome, cause, validators }: Group): DutyDigest["outcomes"][number] {
  return { outcome, ...(cause === undefined ? {} : { cause }), validators };
}

function causesIn(
  duties: readonly DutyDigest[],
  meaning: (cause: string) => string | undefined = () => undefined,
): DutyDigests["causes"] {
  const causes = new Set(duties.flatMap(({ outcomes }) => outcomes.flatMap(({ cause }) => cause ?? [])));
  return Object.fromEntries([...causes].map((cause) => [cause, meaning(cause) ?? ""]));
}
