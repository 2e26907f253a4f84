import type { DutyId, GroupKey } from "../spec/index.ts";
import type { DutyRecord } from "./duty-record.ts";

/** One duty of one slot for all our validators that have it. */
export interface SlotDuty<D> {
  readonly id: DutyId;
  readonly validators: ReadonlyMap<GroupKey, D>;
  readonly record: DutyRecord;
}

/** What is done in a duty. Ends with the signal at the latest. */
export type Script<D> = (duty: SlotDuty<D>, signal: AbortSignal) => Promise<void>;

/** Why a duty's signal fired. */
export class DutyOver extends Error {
  override readonly name = "DutyOver";
  readonly why: "deadline" | "stopping";
  constructor(why: "deadline" | "stopping") {
    super(why === "deadline" ? "the duty's deadline passed" : "the node is stopping");
    this.why = why;
  }
}
