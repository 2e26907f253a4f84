import type { Logger } from "../ports/index.ts";
import { dutyName, type GroupKey, type OperatorIndex } from "../spec/index.ts";
import type { Cause } from "./causes.ts";
import type { DutyRecord } from "./duty-record.ts";
import type { DutyPartials } from "./partial-store.ts";
import { isUnagreed } from "./scripts.ts";

/** Every validator that was left behind gets its one cause, and the log says whose partial signatures were missing. */
export function endUnsigned(
  record: DutyRecord,
  partials: DutyPartials,
  {
    operators,
    stopping,
    log,
  }: { readonly operators: readonly OperatorIndex[]; readonly stopping: boolean; readonly log: Logger },
): void {
  /** Validators that lack partial signatures, by the operators whose are missing. */
  const lacking = new Map<string, { readonly missing: readonly number[]; readonly validators: number }>();
  for (const groupKey of record.unsigned) {
    const cause = stopping
      ? "stopped"
      : (record.causeOf(groupKey) ?? whyUnsigned(record, partials, groupKey));
    if (cause === "not-enough-partials") {
      const signers = partials.signers(groupKey);
      const missing = operators.filter((operator) => !signers.includes(operator));
      const { validators } = lacking.get(String(missing)) ?? { validators: 0 };
      lacking.set(String(missing), { missing, validators: validators + 1 });
    }
    record.finish(groupKey, "failed", cause);
  }
  for (const { missing, validators } of lacking.values())
    log.warn("Partial signatures missing", {
      duty: dutyName(record.id),
      validators,
      missing: missing.map((operator) => `operator-${operator}`),
    });
}

function whyUnsigned(record: DutyRecord, partials: DutyPartials, groupKey: GroupKey): Cause {
  if (!record.signing && !isUnagreed(record.id.kind)) return "no-consensus";
  return partials.hasBad(groupKey) ? "bad-partials" : "not-enough-partials";
}
