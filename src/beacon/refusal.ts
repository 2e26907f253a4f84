import { BeaconError, quote } from "./errors.ts";

/** What a node says when it refuses: its own words, cleaned, and those for each item of a batch. */
interface Reason {
  readonly text: string;
  /** One reason per refused item; empty when the refusal is about all of it. */
  readonly failures: readonly string[];
}

// Several operators publish the same message, so "I have it already" means that it is out.
const KNOWN =
  /already[ _-]?(been[ _-])?(known|seen|imported|exists?|published|processed|broadcast|received|in )|prior(attestation|block)?known|duplicate|known (block|attestation)\b/i;
// A second, different message is a reason to look closely; "unknown" is not "known".
const NOT_THE_SAME = /slash|equivoc|conflict|different|unknown/i;

function readReason(body: string): Reason {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { text: quote(body), failures: [] }; // HTML of a proxy, plain text, or nothing.
  }
  const { message, failures } = (typeof json === "object" && json !== null ? json : {}) as {
    message?: unknown;
    failures?: unknown;
  };
  const said = (Array.isArray(failures) ? (failures as unknown[]) : []).map((failure) => {
    const text = (failure as { message?: unknown } | null)?.message;
    return quote(typeof text === "string" ? text : "");
  });
  const examples = [...new Set(said)].slice(0, 3).join("; ");
  return {
    text: quote([typeof message === "string" ? message : body, examples].filter(Boolean).join(": ")),
    failures: said,
  };
}

/**
 * The error for an answer outside of 2xx. Facts: `node`, `path`, `status`, `reason` (the node's own words, cleaned and
 * bounded) and `alreadyKnown` (whether all it says is that it has the published message already).
 */
export function refusal(answer: {
  readonly node: string;
  readonly path: string;
  readonly status: number;
  readonly body: string;
}): BeaconError {
  const { node, path, status } = answer;
  const { text, failures } = readReason(answer.body);
  const parts = failures.length > 0 ? failures : [text];
  const alreadyKnown =
    ![401, 403, 404].includes(status) && parts.every((part) => KNOWN.test(part) && !NOT_THE_SAME.test(part));
  return new BeaconError(codeOf(status), "ask the beacon node", {
    facts: { node, path, status, reason: text, alreadyKnown, failures: failures.length },
  });
}

function codeOf(status: number): BeaconError["code"] {
  if (status === 503) return "beacon/syncing";
  if (status >= 500) return "beacon/unavailable";
  if (status >= 400) return "beacon/refused";
  return "beacon/bad-answer"; // A redirect, which no beacon API has.
}
