/**
 * Why a duty failed for a validator, or came late: one word each, with what it means and what to do. docs/causes.md is
 * written from this list.
 */
export const CAUSES = {
  "clock-jump":
    "The slot had passed when this node woke up: its clock was set forward or the machine slept. Check NTP and the machine's load.",
  "beacon-node-down":
    "This node's beacon node gave no data for the duty, and the others could not do without it. Check the beacon node.",
  "no-randao":
    "The partial randao signatures did not reach the threshold, so no block could be requested. Check the operators that are named.",
  "no-consensus":
    "The operators did not agree in time. Too many of them were down, unreachable or slow, or what they proposed was not acceptable. Check who is connected.",
  "bad-proposal":
    "What was decided is not a vote or a block for this duty, so this node did not sign it. If it repeats, the program or the beacon node of the leader is wrong.",
  "left-out":
    "What was decided does not contain this validator. The leader's beacon node does not know its duty: its operator should see whether it is in sync.",
  "refused-by-slashing-memory":
    "Signing would have contradicted an earlier signature of this validator. Nothing to do; ask why if it repeats.",
  "slashing-memory-unavailable":
    "The slashing memory could not record the vote in time, so nothing was signed. Check disk space, permissions, and whether the disk is slow.",
  "slashing-memory-doubted":
    "A bug was found on the way to the slashing memory, so this node signs nothing more. Report it with the log, then start the node again.",
  "no-key-share": "This node has no share of this validator's key. Check the keystores in the data folder.",
  "signer-failed": "The signer gave no signature. Check the key shares; the log says why.",
  "client-silent":
    "The validator client did not submit its signature in time. Check that it runs, and that it asks this node alone.",
  "not-enough-partials":
    "Fewer operators than the threshold signed in time. The missing ones are named; check them and the connection to them.",
  "bad-partials":
    "Operators signed with a wrong key share, and the good partial signatures were too few. They are named; tell them.",
  "broadcast-failed":
    "This node's beacon node did not take the signed duty; the other operators send it too. Its answer is in the log.",
  "broadcast-late":
    "The signed duty was sent after its slot, and no block took it. See what was slow: an operator, this machine, or the beacon node.",
  "included-late":
    "A block took the vote later than in the next slot, for less than the full reward. Nothing to do, unless it is often: then see when votes go out, and the beacon node's peers.",
  "not-included":
    "The signed duty was sent in time and no block of the window has it. Check the beacon node's peers.",
  "other-block":
    "The slot has a block of somebody else, or of another head, in place of ours. If it repeats, blocks go out too late.",
  "watching-for-a-double":
    "This node signs nothing for two epochs, since its slashing memory is new, imported or behind, or until its beacon node has caught up after a start of the machine; see docs/moving.md. The other operators sign.",
  stopped: "The node was stopped before the duty was done.",
} as const satisfies Record<string, string>;

export type Cause = keyof typeof CAUSES;
