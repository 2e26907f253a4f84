import { DvError, type Facts, toHex } from "../base/index.ts";

/**
 * `cluster/malformed`: a file is not what it should be; facts say where. `cluster/unsupported-version`. `cluster/hash-differs`:
 * a hash in the file is not that of its content. `cluster/bad-signature`: whose, over what. `cluster/exists`: something
 * would have been overwritten. `cluster/not-written`: the system did not let a file or folder be written. `cluster/bad-request`: options that contradict each other. `cluster/shares-differ`: key
 * shares that do not belong together.
 */
export class ClusterError extends DvError<
  | "cluster/malformed"
  | "cluster/unsupported-version"
  | "cluster/hash-differs"
  | "cluster/bad-signature"
  | "cluster/exists"
  | "cluster/not-written"
  | "cluster/bad-request"
  | "cluster/shares-differ"
  | "cluster/missing"
> {}

/** A hash that is not that of the content. */
export function hashDiffers(which: string, found: Uint8Array, right: Uint8Array): ClusterError {
  return new ClusterError("cluster/hash-differs", "verify the cluster file", {
    facts: { which, found: toHex(found), right: toHex(right) },
    hint: "The file was changed after it was made. Get the original from another operator; --no-verify goes on at your own risk.",
  });
}

/** Whose signature, over what, is wrong. */
export function badSignature(
  whose: string,
  over: string,
  more: { readonly facts?: Facts; readonly hint?: string; readonly cause?: DvError } = {},
): ClusterError {
  const { facts = {}, hint = "Get the original file from another operator", cause } = more;
  return new ClusterError("cluster/bad-signature", "verify the cluster file", {
    facts: { whose, over, ...facts },
    hint: `${hint}; --no-verify goes on at your own risk.`,
    ...(cause === undefined ? {} : { cause }),
  });
}
