import { DvError } from "../base/index.ts";

/** `p2p/unreachable`: no connection to the peer, or it broke. `p2p/refused`: what a peer sent went beyond a limit. `p2p/bad-address`: an address in the configuration. */
export class P2pError extends DvError<
  "p2p/unreachable" | "p2p/refused" | "p2p/bad-address" | "p2p/cannot-listen"
> {}
