import { isLie, type Lie } from "../dkg/index.ts";
import { type OperatorIndex, operatorOf } from "../spec/index.ts";
import { lied } from "./errors.ts";

/** @throws CeremonyError `ceremony/lied` */
export function orThrow<T extends object>(result: T | Lie, validator: number): T {
  if (isLie(result))
    throw lied(operatorOf(result.liar), `${result.what} (validator ${validator} of the ceremony)`);
  return result;
}

/** @throws CeremonyError `ceremony/lied` - what an operator sent cannot be read. */
export function readFrom<T>(from: OperatorIndex, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw lied(from, "has sent a message that cannot be read", { cause });
  }
}
