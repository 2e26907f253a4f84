import type { DutyOutcome, TimelineEntry } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  type DutyKind,
  dutyDue,
  dutyOnTimeUntil,
  type OperatorIndex,
  type Slot,
  type UnixMs,
} from "../spec/index.ts";

/** The cause of what this node only watches, which is nobody's failure. Of docs/causes.md. */
export const WATCHING = "watching-for-a-double";

/**
 * How a duty stands, all its validators together; the worst of them counts. `sent`: a beacon node has it and no block of
 * the chain does yet. `watched`: this node only looks on, since its keys may sign elsewhere.
 */
export type DutyState = "waiting" | "sent" | "done" | "late" | "failed" | "watched";

/** A duty in few words, however many validators it has: for a page that shows hundreds. */
export interface DutyDigest {
  readonly slot: Slot;
  readonly kind: DutyKind;
  readonly state: DutyState;
  readonly validators: number;
  /** Undefined for what has no due time: exits and registrations. */
  readonly dueAt?: UnixMs;
  /** When a beacon node first took it from us. */
  readonly broadcastAt?: UnixMs;
  /** The round in which the operators agreed. */
  readonly round?: number;
  /** Operators whose partial signatures were here, ours included. */
  readonly signers: readonly OperatorIndex[];
  readonly outcomes: readonly {
    readonly outcome: DutyOutcome["outcome"];
    readonly cause?: string;
    readonly validators: number;
  }[];
}

/** What changed since an earlier answer. */
export interface DutyDigests {
  /** To be sent with the next question. */
  readonly token: string;
  /** These are all that the node knows; what an earlier answer said is void. */
  readonly whole: boolean;
  readonly duties: readonly DutyDigest[];
  /** What the causes among them mean, and what to do. */
  readonly causes: Readonly<Record<string, string>>;
}

/** What the steps of a duty say, kept as they come. */
export class DigestNotes {
  readonly #self: OperatorIndex | undefined;
  readonly #signers = new Set<OperatorIndex>();
  #validators = 0;
  #broadcastAt: UnixMs | undefined;
  #round: number | undefined;

  constructor(self: OperatorIndex | undefined) {
    this.#self = self;
  }

  take({ at, stage, facts = {} }: TimelineEntry): void {
    const { validators, round, from } = facts;
    if (stage === "scheduled" && typeof validators === "number") this.#validators = validators;
    if (stage === "decided" && typeof round === "number") this.#round = round;
    if (stage === "broadcast") this.#broadcastAt ??= at;
    const signer = stage === "signed" || stage === "partial-received" ? (from ?? this.#self) : undefined;
    if (typeof signer === "number") this.#signers.add(signer as OperatorIndex);
  }

  digest(duty: DutyId, outcomes: DutyDigest["outcomes"], chain: ChainSpec | undefined): DutyDigest {
    const ended = outcomes.reduce((sum, { validators }) => sum + validators, 0);
    const timed = chain !== undefined && duty.kind !== "exit" && duty.kind !== "builder-registration";
    const sentLate = timed && (this.#broadcastAt ?? 0) > dutyOnTimeUntil(chain, duty);
    const validators = Math.max(this.#validators, ended);
    return {
      ...duty,
      state: stateOf(outcomes, { sent: this.#broadcastAt !== undefined, sentLate, open: validators - ended }),
      validators,
      ...(timed ? { dueAt: dutyDue(chain, duty) } : {}),
      ...(this.#broadcastAt === undefined ? {} : { broadcastAt: this.#broadcastAt }),
      ...(this.#round === undefined ? {} : { round: this.#round }),
      signers: [...this.#signers].toSorted((a, b) => a - b),
      outcomes,
    };
  }
}

function stateOf(
  outcomes: DutyDigest["outcomes"],
  { sent, sentLate, open }: { readonly sent: boolean; readonly sentLate: boolean; readonly open: number },
): DutyState {
  const bad = outcomes.filter(({ outcome }) => outcome === "failed" || outcome === "not-included");
  if (bad.some(({ cause }) => cause !== WATCHING)) return "failed";
  if (bad.length > 0) return "watched";
  // What a block has is on time, whoever sent it; of the rest only the time of sending is known.
  const late = outcomes.some(
    ({ outcome, cause }) => cause !== undefined || (outcome === "broadcast" && sentLate),
  );
  if (late) return "late";
  if (open > 0 || outcomes.length === 0) return sent ? "sent" : "waiting";
  return "done";
}
