import { explain } from "../base/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import type { NotReady } from "../telemetry/index.ts";
import type { Finding } from "./findings.ts";

const LOOK_MS = 1_000;
/** Peers come and go for a moment, at the start above all. */
const PATIENCE_MS = 5_000;
/** What begins and ends with lines of its own. */
const TOLD_ELSEWHERE: readonly NotReady[] = ["stopping", "watching for a double"];

/** A reason why the node is not ready, in words. */
export interface Reason extends Pick<Finding, "what" | "advice"> {
  readonly reason: NotReady;
}

/**
 * Says in the log what `/readyz` and the dashboard say, for who reads only the log: that the node does its duties, and when
 * it does not why and what to do, once a reason has stood for five seconds.
 *
 * @param look - Why the node is not ready, the gravest first.
 * @returns Ends it.
 */
export function reportReadiness(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  look: () => readonly Reason[],
): () => void {
  let told: string | undefined;
  let standing = { names: "", since: clock.now() };
  let cancel = (): void => {};

  const lookAgain = (): void => {
    cancel = clock.at(clock.now() + LOOK_MS, lookAgain);
    try {
      compare(look());
    } catch (error) {
      log.debug("Readiness not known", { why: explain(error) }); // A line less, and no reason to stop signing.
    }
  };

  function compare(reasons: readonly Reason[]): void {
    const names = reasons.map(({ reason }) => reason).join(", ");
    if (names !== standing.names) standing = { names, since: clock.now() };
    const isSettled = names === "" || clock.now() - standing.since >= PATIENCE_MS;
    if (names === told || !isSettled) return;
    told = names;
    tell(reasons);
  }

  function tell(reasons: readonly Reason[]): void {
    if (reasons.length === 0) return log.info("Ready: this node does its duties");
    const [first] = reasons.filter(({ reason }) => !TOLD_ELSEWHERE.includes(reason));
    if (first !== undefined)
      log.warn("Not ready: this node misses duties, or may", { why: first.what, advice: first.advice });
  }

  lookAgain();
  return () => cancel();
}
