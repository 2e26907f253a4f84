import { type ChainReport, type DutyTally, judgedKinds } from "../chain/index.ts";
import type { DemoView } from "./view.ts";

/** Duties of all kinds, as the chain saw them. */
export function totalsOf(report: ChainReport): DemoView["totals"] {
  const tallies = judgedKinds.map((kind) => report.totals[kind]);
  const sum = (pick: (tally: DutyTally) => number): number =>
    tallies.reduce((total, tally) => total + pick(tally), 0);
  return {
    assigned: sum((tally) => tally.assigned),
    onTime: sum((tally) => tally.onTime),
    late: sum((tally) => tally.late),
    missed: sum((tally) => tally.missed),
    slashable: report.slashings.count,
  };
}

const WIDTHS = [9, 8, 8, 14, 14];

/** The end of the demonstration in a few lines, for 80 columns. */
export function summary(
  report: ChainReport,
  options: { readonly nodes: number; readonly validators: number },
): string {
  const totals = totalsOf(report);
  const ms = (value: number | null): string =>
    value === null ? "–" : `${value >= 0 ? "+" : ""}${Math.round(value)} ms`;
  const row = (kind: string, ...cells: readonly string[]): string =>
    `  ${kind.padEnd(18)}${cells.map((cell, i) => cell.padStart(WIDTHS[i] ?? 0)).join("")}`;
  const rows = judgedKinds.map((kind) => {
    const { onTime, late, missed, medianMs, p95Ms } = report.totals[kind];
    return row(kind, String(onTime), String(late), String(missed), ms(medianMs), ms(p95Ms));
  });
  const good = totals.late === 0 && totals.missed === 0 && totals.slashable === 0 && totals.onTime > 0;
  return [
    "",
    `${options.validators} validators, ${options.nodes} operators, ${Math.max(0, report.slot)} slots; justified epoch ${report.justifiedEpoch}, finalized epoch ${report.finalizedEpoch}`,
    row("", "on time", "late", "missed", "after due", "95 % within"),
    ...rows,
    `  ${totals.slashable === 0 ? "nothing slashable" : `${totals.slashable} SLASHABLE`}, ${report.refusals.wrongSignatures} wrong signatures, ${report.duplicates} duplicates (every operator sends)`,
    good ? "  Every duty was done in time." : "",
    "",
  ].join("\n");
}
