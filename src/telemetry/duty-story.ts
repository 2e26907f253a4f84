import type { Facts } from "../base/index.ts";
import type { DutyOutcome, DutyRecord, Logger, TimelineEntry } from "../ports/index.ts";
import { type ChainSpec, type DutyId, dutyName, type OperatorIndex, slotStart } from "../spec/index.ts";
import { DigestNotes, type DutyDigest, WATCHING } from "./duty-digest.ts";
import { ENTRIES_PER_DUTY_MAX, KEYS_PER_OUTCOME_MAX } from "./limits.ts";

/** The cause of what this node leaves to the others when it is stopped. Of docs/causes.md. */
const STOPPED = "stopped";

/** Validators for whom the duty ended alike. */
interface Group {
  readonly outcome: DutyOutcome["outcome"];
  readonly cause: string | undefined;
  validators: number;
  reported: number;
  readonly groupKeys: DutyOutcome["groupKey"][];
}

/** What happened in one duty, within bounds, and what the log was told of it. */
export class DutyStory {
  readonly duty: DutyId;
  readonly #entries: TimelineEntry[] = [];
  readonly #groups = new Map<string, Group>();
  readonly #notes: DigestNotes;
  #isBroadcastReported = false;

  /** @param self - Whose partial signatures ours are. */
  constructor(duty: DutyId, self: OperatorIndex | undefined) {
    this.duty = duty;
    this.#notes = new DigestNotes(self);
  }

  /** A story as it was saved; nothing of it is reported again. */
  static ofRecord({ duty, entries, outcomes }: DutyRecord, self: OperatorIndex | undefined): DutyStory {
    const story = new DutyStory(duty, self);
    for (const entry of entries) story.take(entry);
    for (const group of outcomes)
      story.#groups.set(nameOf(group), {
        outcome: group.outcome,
        cause: group.cause,
        validators: group.validators,
        reported: group.validators,
        groupKeys: [...group.groupKeys],
      });
    return story;
  }

  take(entry: TimelineEntry): void {
    this.#notes.take(entry);
    if (this.#entries.length < ENTRIES_PER_DUTY_MAX) this.#entries.push(entry);
  }

  finish({ groupKey, outcome, cause }: DutyOutcome): void {
    const name = nameOf({ outcome, cause });
    const group = this.#groups.get(name) ?? { outcome, cause, validators: 0, reported: 0, groupKeys: [] };
    this.#groups.set(name, group);
    group.validators++;
    if (group.groupKeys.length < KEYS_PER_OUTCOME_MAX) group.groupKeys.push(groupKey);
  }

  /** Whether the duty has ended for any validator. */
  get hasEnded(): boolean {
    return this.#groups.size > 0;
  }

  get isBroadcastReported(): boolean {
    return this.#isBroadcastReported;
  }

  get record(): DutyRecord {
    return {
      duty: this.duty,
      entries: [...this.#entries],
      outcomes: [...this.#groups.values()].map((group) => ({
        ...outcomeOf(group),
        groupKeys: [...group.groupKeys],
      })),
    };
  }

  digest(chain: ChainSpec | undefined): DutyDigest {
    return this.#notes.digest(this.duty, [...this.#groups.values()].map(outcomeOf), chain);
  }

  /** Says what the log has not been told yet. */
  report(log: Logger, chain: ChainSpec | undefined): void {
    this.#reportBroadcast(log, chain);
    for (const group of this.#groups.values()) this.#reportGroup(log, group);
  }

  #reportBroadcast(log: Logger, chain: ChainSpec | undefined): void {
    const sent = this.#entries.find((entry) => entry.stage === "broadcast");
    if (sent === undefined || this.#isBroadcastReported) return;
    this.#isBroadcastReported = true;
    const round = this.#entries.find((entry) => entry.stage === "decided")?.facts?.["round"];
    log.info("Duty broadcast", {
      duty: dutyName(this.duty),
      ...sent.facts,
      ...(round === undefined ? {} : { round }),
      ...(chain === undefined ? {} : { intoSlotMs: Math.round(sent.at - slotStart(chain, this.duty.slot)) }),
    });
  }

  #reportGroup(log: Logger, group: Group): void {
    const validators = group.validators - group.reported;
    if (validators === 0) return;
    group.reported = group.validators;
    const facts: Facts = {
      duty: dutyName(this.duty),
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
}

function nameOf({
  outcome,
  cause,
}: {
  readonly outcome: string;
  readonly cause?: string | undefined;
}): string {
  return `${outcome} ${cause ?? ""}`;
}

function outcomeOf({ outcome, cause, validators }: Group): DutyDigest["outcomes"][number] {
  return { outcome, ...(cause === undefined ? {} : { cause }), validators };
}
