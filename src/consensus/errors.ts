import { DvError } from "../base/index.ts";

/** Why `agree` ended without a decision, other than by its caller's signal. */
export class ConsensusError extends DvError<
  "consensus/duty-over" | "consensus/already-joined" | "consensus/stopped"
> {}
