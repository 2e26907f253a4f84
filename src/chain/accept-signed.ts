import type { Root, UnixMs, ValidatorIndex } from "../spec/index.ts";
import type { ValidatorState } from "./validators.ts";
import { type Outcome, refused, type World } from "./world.ts";

/** A signature of a message's sender, with the reason for which the message is refused when it is wrong. */
interface Signed {
  readonly root: Root;
  readonly signature: Uint8Array;
  readonly wrong: string;
}

/** A kind of message: who sent one, what of it is signed, and what is done with it when it is rightly signed. */
interface Kind<T> {
  readonly what: string;
  readonly senderOf: (message: T) => ValidatorIndex;
  readonly signaturesOf: (message: T) => readonly Signed[];
  readonly take: (sender: ValidatorState, message: T) => Outcome | Promise<Outcome>;
}

/**
 * Verifies the signatures of all messages together, then takes what is rightly signed, one after the other.
 *
 * @returns One outcome per message, in order.
 */
export async function acceptSigned<T>(
  world: World,
  messages: readonly T[],
  at: UnixMs,
  { what, senderOf, signaturesOf, take }: Kind<T>,
): Promise<Outcome[]> {
  const claims = messages.map((message) => {
    const sender = world.validators.get(senderOf(message));
    const signed = sender && signaturesOf(message).map((one) => ({ ...one, publicKey: sender.pubkey }));
    return { message, sender, signed: signed ?? [] };
  });
  const right = (await world.signatures.each(claims.flatMap(({ signed }) => signed))).values();
  const outcomes: Outcome[] = [];
  for (const { message, sender, signed } of claims) {
    const wrong = signed.filter(() => right.next().value !== true).at(0)?.wrong;
    if (sender === undefined) outcomes.push(refused(world, what, "unknown validator", at));
    else if (wrong !== undefined) outcomes.push(refused(world, what, wrong, at, sender.index));
    else outcomes.push(await take(sender, message));
  }
  return outcomes;
}
