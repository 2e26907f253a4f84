import { fromHex } from "../base/index.ts";
import type { DutyContext } from "./context.ts";
import type { Partial } from "./partial-store.ts";

/** Finds out what a client was loaded with instead of our share: the end of a sentence for its operator. */
export async function whoseSignature(
  { bls, publicShares, self, log }: DutyContext,
  { groupKey, root, signature }: Partial,
): Promise<string> {
  const shares = publicShares.get(groupKey) ?? [];
  const keys = [fromHex(groupKey, 48), ...shares];
  const [whole, ...ofShares] = await bls.verify(keys.map((publicKey) => ({ publicKey, root, signature })));
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
