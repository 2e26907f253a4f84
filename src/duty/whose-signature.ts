import { fromHex } from "../base/index.ts";
import type { Sender } from "../ports/index.ts";
import type { DutyContext } from "./context.ts";
import type { Partial } from "./partial-store.ts";

/** Finds out what a client was loaded with instead of our share: the end of a sentence for its operator. */
export async function whoseSignature(
  { judge, publicShares, self, log }: DutyContext,
  { groupKey, root, signature }: Partial,
  how: {
    readonly from: Sender;
    readonly signal: AbortSignal;
    /** Whether the group's signature of this is there: then anybody may have it from the network. */
    readonly isPublic: boolean;
  },
): Promise<string> {
  const shares = publicShares.get(groupKey) ?? [];
  const keys = [fromHex(groupKey, 48), ...shares];
  const claims = keys.map((publicKey) => ({ publicKey, root, signature }));
  // In the name of somebody else at the address: that it is another key's shows nothing good of its sender.
  const [whole, ...ofShares] = await judge.verify(claims, { address: how.from.address }, how.signal);
  if (whole === true && how.isPublic)
    return "it is that of the whole validator, which everybody can have by now";
  if (whole === true) {
    log.error("The validator client holds a whole validator key; its operator can sign alone", {
      validator: groupKey,
    });
    return "it was made with the whole validator key";
  }
  const operator = ofShares.indexOf(true);
  if (operator < 0) return "no operator's share of this validator made it, or it is of another fork or epoch";
  return `operator ${operator}'s share made it, and this is operator ${self}`;
}
