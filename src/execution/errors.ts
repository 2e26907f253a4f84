import { DvError } from "../base/index.ts";

/**
 * Facts name the `node`. `execution/unavailable`: it did not answer in time, or its answer is a server's failure.
 * `execution/refused`: it said no; its own words are the `reason`. `execution/bad-answer`: what came is not what was asked.
 * `execution/other-chain`: it serves another chain than the cluster's.
 */
export class ExecutionError extends DvError<
  "execution/unavailable" | "execution/refused" | "execution/bad-answer" | "execution/other-chain"
> {}
