import { explain } from "../base/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyKind,
  type Epoch,
  epochOf,
  firstSlotOf,
  slotAt,
  slotStart,
} from "../spec/index.ts";
import type { DutyDigest } from "../telemetry/index.ts";
import type { Finding } from "./findings.ts";

/** So many slots after its end most of what became of an epoch's duties is known. */
const AFTER_SLOTS = 2;
/** What the chain pays for; the others are steps on the way there, or wait for days. */
const PAID: readonly DutyKind[] = ["attester", "proposer", "aggregator", "sync-message", "sync-contribution"];
const OVERDUE = {
  what: "Duties of the epoch have not come to an end.",
  advice: "The dashboard has each of them with its story, and so has /duties.",
};

/** How a node is when an epoch is over. */
export interface EpochLook {
  /** The gravest first. */
  readonly findings: readonly Finding[];
  /** Those of the epoch, and perhaps others. */
  readonly duties: readonly DutyDigest[];
  /** Operators that are here, this one included, of all. */
  readonly connected: number;
  readonly operators: number;
}

/**
 * Says once an epoch in the log what the dashboard says, for who reads only the log: whether all is well, else what is not
 * and what to do, and how many of the epoch's duties were on time. All validators of a slot and kind are one duty.
 *
 * @returns Ends it.
 */
export function reportEpochs(
  { clock, chain, log }: { readonly clock: Clock; readonly chain: ChainSpec; readonly log: Logger },
  look: () => EpochLook,
): () => void {
  let cancel = (): void => {};
  /** The latest epoch that may be told of. */
  const over = (): Epoch => epochOf(chain, slotAt(chain, clock.now()) - AFTER_SLOTS) - 1;

  function waitFor(epoch: Epoch): void {
    cancel = clock.at(slotStart(chain, firstSlotOf(chain, epoch + 1) + AFTER_SLOTS), () => {
      const latest = Math.max(epoch, over()); // The machine may have slept through some.
      try {
        tell(latest, look());
      } catch (error) {
        log.debug("How the epoch was is not known", { why: explain(error) }); // A line less, and no reason to stop signing.
      }
      waitFor(latest + 1);
    });
  }

  function tell(epoch: Epoch, { findings, duties, connected, operators }: EpochLook): void {
    const states = duties
      .filter(({ slot, kind }) => epochOf(chain, slot) === epoch && PAID.includes(kind))
      .flatMap(({ state }) => (state === "watched" ? [] : state));
    const onTime = states.filter((state) => state === "done" || state === "sent").length;
    const facts = {
      epoch,
      onTime: `${onTime} of ${states.length}`,
      connected: `${connected} of ${operators}`,
    };
    const [gravest = states.includes("waiting") ? OVERDUE : undefined] = findings;
    if (gravest === undefined) log.info("Epoch over: all is well", facts);
    else if ("level" in gravest && gravest.level === "note")
      log.info("Epoch over", { ...facts, note: gravest.what });
    else log.warn("Epoch over: not all is well", { ...facts, why: gravest.what, advice: gravest.advice });
  }

  waitFor(Math.max(0, over() + 1));
  return () => cancel();
}
