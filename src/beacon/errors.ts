import { DvError } from "../base/index.ts";

/**
 * `beacon/unavailable`: nobody answered in time. `beacon/refused`: a node said no, with its reason. `beacon/syncing`: the
 * nodes that answer are behind. `beacon/bad-answer`: an answer that is not what was asked for. `beacon/other-chain`: the
 * node serves another chain.
 */
export class BeaconError extends DvError<
  "beacon/unavailable" | "beacon/refused" | "beacon/syncing" | "beacon/bad-answer" | "beacon/other-chain"
> {}

/** Text from a beacon node, fit for a log: bounded, one line, no control characters. */
export function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 300);
}
