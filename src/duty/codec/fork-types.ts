import type { Fork } from "../../ports/index.ts";
import { type ForkName, ForkSeq, sszTypesFor } from "../../spec/index.ts";
import { CodecError } from "./codec-error.ts";
import type { SszType } from "./parse.ts";

/**
 * The SSZ type of one fork by its name in the specification: what a container holds, and how it is hashed, changes with
 * forks, so nothing asks for the container of a certain one.
 *
 * @throws CodecError `duty/unknown-fork` - for a fork, or a container in it, that this program does not know.
 */
export function typeNamed<T>(fork: Fork, name: string): SszType<T> {
  const types = Object.hasOwn(ForkSeq, fork)
    ? (sszTypesFor(fork as ForkName) as unknown as Record<string, SszType<T> | undefined>)
    : {};
  const type = types[name];
  if (type === undefined)
    throw new CodecError("duty/unknown-fork", "find the encoding of a container", { facts: { fork, name } });
  return type;
}
