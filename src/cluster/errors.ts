import { DvError } from "../base/index.ts";

/**
 * `cluster/malformed`: a file is not what it should be; facts say where. `cluster/unsupported-version`. `cluster/hash-differs`:
 * a hash in the file is not that of its content. `cluster/bad-signature`: whose, over what. `cluster/exists`: something
 * would have been overwritten. `cluster/bad-request`: options that contradict each other. `cluster/shares-differ`: key
 * shares that do not belong together.
 */
export class ClusterError extends DvError<
  | "cluster/malformed"
  | "cluster/unsupported-version"
  | "cluster/hash-differs"
  | "cluster/bad-signature"
  | "cluster/exists"
  | "cluster/bad-request"
  | "cluster/shares-differ"
  | "cluster/missing"
> {}
