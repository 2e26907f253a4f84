import { explain, type Facts } from "../base/index.ts";
import { dutyName } from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import { retry } from "./retry.ts";
import type { SlotDuty } from "./slot-duty.ts";

/**
 * Asks the beacon node for a duty's data until it answers or the signal fires, and writes down what came of it.
 *
 * @param what - For the log, e.g. "Vote data".
 * @param factsOf - What is written down of the answer.
 */
export async function fetching<T>(
  { clock, log, metrics }: DutyContext,
  duty: SlotDuty<unknown>,
  what: string,
  attempt: () => Promise<T>,
  signal: AbortSignal,
  factsOf: (answer: T) => Facts = () => ({ validators: duty.validators.size }),
): Promise<T> {
  const answer = await retry(clock, signal, attempt, (error, attempts) => {
    duty.record.blame("beacon-node-down");
    if (attempts === 1)
      log.warn(`${what} not fetched, trying again`, { duty: dutyName(duty.id), why: explain(error) });
  });
  duty.record.absolve("beacon-node-down");
  metrics.stage(duty.id, "fetched");
  duty.record.note("fetched", factsOf(answer));
  return answer;
}
