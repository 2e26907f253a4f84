import { DvError } from "../base/index.ts";

/**
 * `exits/bad-file`: a file is no file of exits; the facts say where. `exits/other-cluster`: it is of another cluster or chain.
 * `exits/bad-signature`: a partial signature is not of its operator, or what came together is not of the validator.
 * `exits/differ`: operators signed different exits of one validator. `exits/not-enough`: fewer operators than the threshold
 * signed. `exits/not-active`: a validator that is to leave is not active on the chain.
 */
export class ExitError extends DvError<
  | "exits/bad-file"
  | "exits/other-cluster"
  | "exits/bad-signature"
  | "exits/differ"
  | "exits/not-enough"
  | "exits/not-active"
> {}
