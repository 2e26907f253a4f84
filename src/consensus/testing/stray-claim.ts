import type { NodeKey } from "../../crypto/index.ts";
import type { ConsensusValue } from "../types.ts";
import { Envelope, hashValue, kindOf, type SignedPart, signPart } from "../wire.ts";

/** A part that says the same, signed again, and claims to have prepared `value` besides. */
export function claimingToo(part: SignedPart, value: ConsensusValue, key: NodeKey): SignedPart {
  const { signature: _, ...rest } = part;
  return signPart({ ...rest, preparedRound: 1, preparedValueHash: hashValue(value) }, key);
}

/**
 * A liar's own vote with a claim that no vote makes: a value that everybody who repeats the vote would have to bring along.
 * Undefined for messages that may claim something.
 */
export function withStrayClaim(
  bytes: Uint8Array,
  value: ConsensusValue,
  key: NodeKey,
): Uint8Array | undefined {
  const { message, justification, values } = Envelope.decode(bytes);
  if (message === undefined || kindOf(message.type) === "round-change") return undefined;
  return Envelope.encode({
    message: claimingToo(message, value, key),
    justification,
    values: [...values, { typeUrl: value.typeUrl, value: value.bytes }],
  });
}
