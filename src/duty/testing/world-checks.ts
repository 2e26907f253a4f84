import assert from "node:assert/strict";
import type { DutyWorld } from "../../../sim/duty-world.ts";
import { toHex } from "../../base/index.ts";
import { ssz } from "../../spec/index.ts";

/** No validator ever votes twice for one target or proposes twice in one slot. */
export function assertNothingSlashable(world: DutyWorld): void {
  const said = new Map<string, string>();
  const once = (what: string, root: string): void => {
    assert.equal(said.get(what) ?? root, root, `${what} was signed twice`);
    said.set(what, root);
  };
  for (const { groupKey, attestation } of world.chain.votes)
    once(
      `${groupKey} target ${attestation.data.target.epoch}`,
      toHex(ssz.phase0.AttestationData.hashTreeRoot(attestation.data)),
    );
  for (const { groupKey, proposal } of world.chain.blocks)
    once(
      `${groupKey} block ${proposal.signedBlock.message.slot}`,
      toHex(ssz.fulu.SignedBeaconBlock.hashTreeRoot(proposal.signedBlock as never)),
    );
}

/** Votes on the chain of the slots from one up to another, each validator's once a slot. */
export const votesOf = (world: DutyWorld, slotFrom: number, slotTo: number): number =>
  new Set(
    world.chain.votes
      .filter(({ attestation: { data } }) => data.slot >= slotFrom && data.slot < slotTo)
      .map(({ groupKey, attestation: { data } }) => `${groupKey} ${data.slot}`),
  ).size;
