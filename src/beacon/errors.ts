import { DvError, explain } from "../base/index.ts";
import { REASON_LENGTH_MAX } from "./limits.ts";

/**
 * `beacon/unavailable`: nobody answered in time. `beacon/refused`: a node said no (4xx), with its reason. `beacon/syncing`:
 * the nodes that answer are behind or follow the chain unverified. `beacon/bad-answer`: an answer that is not what was asked
 * for. `beacon/other-chain`: the node serves another chain. `beacon/bad-endpoint`: the address given is not one. `beacon/forks-differ`: nodes of one chain plan
 * other forks, one of which is near.
 */
export class BeaconError extends DvError<
  | "beacon/unavailable"
  | "beacon/refused"
  | "beacon/syncing"
  | "beacon/bad-answer"
  | "beacon/other-chain"
  | "beacon/forks-differ"
  | "beacon/bad-endpoint"
> {}

/** An answer that is not what was asked for: what stands at `where` should be `wanted`. */
export function bad(where: string, wanted: string): BeaconError {
  return new BeaconError("beacon/bad-answer", "read the beacon node's answer", { facts: { where, wanted } });
}

/** Text from outside, fit for a log: one line without markup, control or direction characters, and bounded. */
export function quote(text: string): string {
  return text
    .slice(0, 64 * REASON_LENGTH_MAX)
    .replaceAll(/<(script|style|head)\b[\s\S]*?(<\/\1\s*>|$)/gi, " ")
    .replaceAll(/<[^<>]*>/g, " ")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Z}]+/gu, " ")
    .trim()
    .slice(0, REASON_LENGTH_MAX);
}

/** The same error with the node and path that it is about, where it does not name them itself. */
export function about(
  error: BeaconError,
  facts: { readonly node: string; readonly path?: string },
): BeaconError {
  const { code, message, cause, hint } = error;
  return new BeaconError(code, message, {
    facts: { ...facts, ...error.facts },
    ...(cause === undefined ? {} : { cause }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What went wrong in one line: the node's own words where there are some. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof BeaconError)) return quote(explain(error));
  const { reason, where, wanted } = error.facts;
  if (typeof reason === "string" && reason !== "") return quote(reason);
  return quote(where === undefined ? explain(error) : `${error.message}: ${where} should be ${wanted}`);
}
