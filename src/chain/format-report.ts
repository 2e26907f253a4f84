import { counted } from "../base/index.ts";
import { type JudgedKind, judgedKinds } from "./activity.ts";
import type { ChainReport, DutyTally } from "./report.ts";

const VALIDATORS_SHOWN = 32;
const REASONS_SHOWN = 12;
const HEADINGS = ["assigned", "on time", "late", "missed", "slashable", "median", "95 %"] as const;
const NAME_WIDTH = 30;
const CELL_WIDTH = 11;

/** The report as a table for people: totals per kind of duty, validators with blemishes, slashable pairs, refusals. */
export function formatReport(report: ChainReport): string {
  return [
    ...heading(report),
    "",
    row("duty", HEADINGS),
    rule(),
    ...judgedKinds
      .filter((kind) => report.totals[kind].assigned > 0)
      .map((kind) => row(kind, cells(report.totals[kind]))),
    ...validatorLines(report),
    ...slashingLines(report),
    ...refusalLines(report),
    "",
  ].join("\n");
}

function heading(report: ChainReport): string[] {
  const epochs = Math.max(0, Math.floor(report.slot / report.slotsPerEpoch));
  return [
    `${report.network}: ${counted(report.validators.length, "watched validator")}, ${report.otherValidators} others; slots of ${report.slotMs / 1000} s`,
    report.slot < 0
      ? `before genesis (${new Date(report.genesisTime).toISOString()})`
      : `slot ${report.slot} (epoch ${epochs}); head ${report.headSlot}, justified epoch ${report.justifiedEpoch}, finalized epoch ${report.finalizedEpoch}`,
  ];
}

function validatorLines(report: ChainReport): string[] {
  const blemished = report.validators.flatMap(({ index, pubkey, duties }) =>
    judgedKinds
      .filter((kind) => isBlemished(duties[kind]))
      .map((kind): [string, DutyTally, JudgedKind] => [
        `${index} ${pubkey.slice(0, 12)}…`,
        duties[kind],
        kind,
      ]),
  );
  if (blemished.length === 0) return [];
  const rest = blemished.length - VALIDATORS_SHOWN;
  return [
    "",
    row("validator, duty", HEADINGS),
    rule(),
    ...blemished
      .slice(0, VALIDATORS_SHOWN)
      .map(([name, tally, kind]) => row(`${name} ${kind}`, cells(tally))),
    ...(rest > 0 ? [`… and ${rest} more`] : []),
  ];
}

function isBlemished(tally: DutyTally): boolean {
  return tally.late + tally.missed + tally.slashable > 0;
}

function slashingLines({ slashings }: ChainReport): string[] {
  if (slashings.count === 0) return ["", "Nothing slashable was signed."];
  return [
    "",
    `SLASHABLE: ${counted(slashings.count, "pair")}`,
    ...slashings.pairs
      .slice(0, REASONS_SHOWN)
      .flatMap(({ offence, validator, first, second }) => [
        `  ${offence} by validator ${validator}`,
        `    ${JSON.stringify(first)}`,
        `    ${JSON.stringify(second)}`,
      ]),
  ];
}

function refusalLines({ refusals }: ChainReport): string[] {
  if (refusals.count === 0) return [];
  const reasons = Object.entries(refusals.byReason).toSorted((a, b) => b[1] - a[1]);
  return [
    "",
    `Refused: ${refusals.count}, of which ${counted(refusals.wrongSignatures, "wrong signature")}`,
    ...reasons.slice(0, REASONS_SHOWN).map(([reason, count]) => `  ${String(count).padStart(6)}  ${reason}`),
  ];
}

function cells(tally: DutyTally): string[] {
  return [
    ...[tally.assigned, tally.onTime, tally.late, tally.missed, tally.slashable].map(String),
    milliseconds(tally.medianMs),
    milliseconds(tally.p95Ms),
  ];
}

function milliseconds(value: number | null): string {
  return value === null ? "–" : `${value > 0 ? "+" : ""}${Math.round(value)} ms`;
}

function row(name: string, values: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${values.map((value) => value.padStart(CELL_WIDTH)).join("")}`;
}

function rule(): string {
  return `  ${"─".repeat(NAME_WIDTH + HEADINGS.length * CELL_WIDTH)}`;
}
