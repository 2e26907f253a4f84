import { DeskError } from "../ports/index.ts";
import { type DutyId, dutyName } from "../spec/index.ts";

type Code = DeskError["code"];

/** What is said to the operator of a validator client, and what to do about it. */
const SAID: { readonly [C in Code]: readonly [message: string, hint?: string] } = {
  "duty/not-ours": ["none of this cluster's validators has this duty"],
  "duty/not-known-yet": ["the duties of this slot are not known yet", "Check the beacon node of this node."],
  "duty/too-late": [
    "the deadline of this duty has passed",
    "Check the clock of the validator client's machine, and how long its requests take.",
  ],
  "duty/wrong-share": [
    "this is not a signature by this operator's key share",
    "Load the client with the keystores of this operator's validator_keys folder.",
  ],
  "duty/not-decided": [
    "the cluster has decided nothing for this validator in this duty",
    "A client has to sign what this node gives it, so ask here for the data first.",
  ],
  "duty/not-what-was-decided": [
    "the cluster decided on something else in this duty",
    "A client has to sign what this node gives it; give it no other beacon node beside this one.",
  ],
  "duty/slashable": ["the slashing memory refused this signature", "Nothing to do; ask why if it repeats."],
  "duty/unavailable": ["this node can take no signature now"],
};

/** @param detail - What is known beyond the code, as the end of the sentence. */
export function deskError(code: Code, id?: DutyId, detail?: string): DeskError {
  const [message, hint] = SAID[code];
  return new DeskError(code, detail === undefined || detail === "" ? message : `${message}: ${detail}`, {
    ...(id === undefined ? {} : { facts: { duty: dutyName(id) } }),
    ...(hint === undefined ? {} : { hint }),
  });
}
