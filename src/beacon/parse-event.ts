import { JsonFields } from "../base/index.ts";
import type { ChainEvent } from "../ports/index.ts";
import { BeaconError, bad } from "./errors.ts";

/** What one server-sent event says; undefined for topics and shapes that are not ours. */
export function parseEvent(topic: string, data: string): ChainEvent | undefined {
  try {
    return read(topic, JsonFields.parse(data, topic, bad));
  } catch (error) {
    if (error instanceof BeaconError) return undefined;
    throw error;
  }
}

function read(topic: string, fields: JsonFields): ChainEvent | undefined {
  switch (topic) {
    case "head":
      return {
        kind: "head",
        slot: fields.quoted("slot"),
        block: fields.hex("block", 32),
        epochTransition: fields.flag("epoch_transition"),
        previousDutyDependentRoot: fields.hex("previous_duty_dependent_root", 32),
        currentDutyDependentRoot: fields.hex("current_duty_dependent_root", 32),
      };
    case "block":
      return { kind: "block", slot: fields.quoted("slot"), block: fields.hex("block", 32) };
    case "chain_reorg":
      return {
        kind: "reorg",
        slot: fields.quoted("slot"),
        depth: fields.quoted("depth"),
        oldHead: fields.hex("old_head_block", 32),
        newHead: fields.hex("new_head_block", 32),
      };
    default:
      return undefined;
  }
}
