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

/** The end of the demonstration in a few lines. */
export function summary(
  report: ChainReport,
  options: { readonly nodes: number; readonly validators: number },
): string {
  const totals = totalsOf(report);
  const ms = (value: number | null): string =>
    value === null ? "–" : `${value >= 0 ? "+" : ""}${Math.round(value)} ms`;
  const rows = judgedKinds.map((kind) => {
    const tally = report.totals[kind];
    return `  ${kind.padEnd(18)}${String(tally.onTime).padStart(6)} on time ${String(tally.late).padStart(4)} late ${String(tally.missed).padStart(4)} missed   sent ${ms(tally.medianMs)} after due (95 %: ${ms(tally.p95Ms)})`;
  });
  const good = totals.late === 0 && totals.missed === 0 && totals.slashable === 0 && totals.onTime > 0;
  return [
    "",
    `${options.validators} validators, ${options.nodes} operators, ${Math.max(0, report.slot)} slots; justified epoch ${report.justifiedEpoch}, finalized epoch ${report.finalizedEpoch}`,
    ...rows,
    `  ${totals.slashable === 0 ? "nothing slashable" : `${totals.slashable} SLASHABLE`}, ${report.refusals.wrongSignatures} wrong signatures, ${report.duplicates} duplicates (every operator sends everything)`,
    good ? "Every duty was done in time." : "",
    "",
  ].join("\n");
}
