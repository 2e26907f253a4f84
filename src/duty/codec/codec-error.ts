import { DvError } from "../../base/index.ts";

/** Bytes from a peer that are not what they should be. Costs that peer's message and nothing else. */
export class CodecError extends DvError<"duty/malformed" | "duty/unknown-fork" | "duty/unsupported-kind"> {}
