import { DvError } from "../base/index.ts";
import { type DutyId, dutyName } from "../spec/index.ts";

/** Why `agree` ended without a decision, other than by its caller's signal. */
export class ConsensusError extends DvError<
  "consensus/duty-over" | "consensus/already-joined" | "consensus/stopped"
> {}

export const dutyOver = (duty: DutyId): ConsensusError =>
  new ConsensusError("consensus/duty-over", `agree on ${dutyName(duty)} before its deadline`);
