import { leaderOf } from "../consensus/index.ts";
import type { DutyRecord } from "../ports/index.ts";
import type { DutyId, DutyKind } from "../spec/index.ts";
import type { DutyView } from "./view.ts";

/** Duties that are kept for the picture; older ones only count. */
const DUTIES_KEPT = 400;
/** Kinds that are shown; randao is a step of a proposal. */
const SHOWN = new Set<DutyKind>(["attester", "proposer", "aggregator", "sync-message", "sync-contribution"]);

interface Row {
  readonly slot: number;
  readonly kind: DutyKind;
  validators: number;
  leader: number | undefined;
  round: number | undefined;
  readonly signers: Set<number>;
  /** When the first operator sent it. */
  broadcastAt: number | undefined;
  included: boolean;
  cause: string | undefined;
  /** Operators that were part of the run when the duty was due. */
  readonly running: Set<number>;
}

/**
 * What the cluster did, put together from what each of its nodes reports. Nothing here decides anything; the chain's own
 * report has the last word on what was on time.
 */
export class Board {
  readonly #rows = new Map<string, Row>();
  readonly #dueAt: (duty: DutyId) => number;
  readonly #operatorCount: number;

  constructor(options: {
    readonly operatorCount: number;
    readonly dueAt: (duty: DutyId) => number;
  }) {
    this.#operatorCount = options.operatorCount;
    this.#dueAt = options.dueAt;
  }

  /** Takes in what one node reports. */
  take(operator: number, duties: readonly DutyRecord[]): void {
    for (const reported of duties) {
      const { slot, kind } = reported.duty;
      if (SHOWN.has(kind)) this.#takeOne(operator, this.#row(slot, kind), reported);
    }
    for (const name of [...this.#rows.keys()].slice(0, Math.max(0, this.#rows.size - DUTIES_KEPT)))
      this.#rows.delete(name);
  }

  #row(slot: number, kind: DutyKind): Row {
    const name = `${slot}/${kind}`;
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = {
        slot,
        kind,
        validators: 0,
        leader: undefined,
        round: undefined,
        signers: new Set(),
        broadcastAt: undefined,
        included: false,
        cause: undefined,
        running: new Set(),
      };
      this.#rows.set(name, row);
    }
    return row;
  }

  #takeOne(operator: number, row: Row, reported: DutyRecord): void {
    row.running.add(operator);
    for (const { at, stage, facts = {} } of reported.entries) {
      const count = facts["validators"];
      if (typeof count === "number") row.validators = Math.max(row.validators, count);
      if (stage === "decided") {
        if (typeof facts["round"] === "number") row.round = facts["round"];
        if (row.round !== undefined) row.leader = leaderOf(row, row.round, this.#operatorCount);
      }
      if (stage === "signed") row.signers.add(operator);
      if (stage === "partial-received" && typeof facts["from"] === "number") row.signers.add(facts["from"]);
      if (stage === "broadcast") row.broadcastAt = Math.min(row.broadcastAt ?? at, at);
      if (stage === "included") row.included = true;
    }
    for (const { outcome, cause } of reported.outcomes) {
      if (outcome === "included") row.included = true;
      if (outcome === "failed" || outcome === "not-included") row.cause = cause;
    }
  }

  /** Duties for the picture, newest first. */
  duties(): DutyView[] {
    return [...this.#rows.values()]
      .toSorted((a, b) => b.slot - a.slot || a.kind.localeCompare(b.kind))
      .map((row) => ({
        slot: row.slot,
        kind: row.kind,
        validators: row.validators,
        leader: row.leader,
        round: row.round,
        signers: row.signers,
        broadcastAfterMs: row.broadcastAt === undefined ? undefined : row.broadcastAt - this.#dueAt(row),
        state: stateOf(row),
        cause: row.cause,
      }));
  }

  /** Per operator: duties it led, signed, and could have signed. */
  contributions(): { led: number; signed: number; due: number }[] {
    const rows = [...this.#rows.values()].filter((row) => row.round !== undefined);
    return Array.from({ length: this.#operatorCount }, (_, operator) => ({
      led: rows.filter((row) => row.leader === operator).length,
      signed: rows.filter((row) => row.signers.has(operator)).length,
      due: rows.length,
    }));
  }
}

function stateOf(row: Row): DutyView["state"] {
  if (row.included) return "on chain";
  if (row.broadcastAt !== undefined) return row.cause === undefined ? "broadcast" : "late";
  if (row.cause !== undefined) return "missed";
  return row.round === undefined ? "waiting" : "agreed";
}
