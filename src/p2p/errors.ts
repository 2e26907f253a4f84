import { DvError, explain, inWords } from "../base/index.ts";

/** Why a message did not reach its peer: a small closed set, so that metrics can count by it. */
export type UnreachableReason =
  | "not-connected"
  | "protocol-unknown"
  | "connection-broke"
  | "timed-out"
  | "busy"
  | "too-large"
  | "bad-answer"
  | "stopped";

/**
 * `p2p/unreachable`: a message did not get through; facts name the operator, the protocol and the reason.
 * `p2p/bad-option`: a configured address, relay or key cannot be used; facts say which. `p2p/listen-failed`: no socket
 * could be opened. `p2p/address-book`: the file of last good addresses could not be read or written.
 * `p2p/relay`: a relay did not answer as a relay should.
 */
export class P2pError extends DvError<
  "p2p/unreachable" | "p2p/bad-option" | "p2p/listen-failed" | "p2p/address-book" | "p2p/relay"
> {}

export function unreachable(
  reason: UnreachableReason,
  operator: number,
  protocol: string,
  cause?: unknown,
): P2pError {
  return new P2pError("p2p/unreachable", "reach operator", {
    ...(cause === undefined ? {} : { cause }),
    facts: { operator, protocol, reason },
  });
}

/** What the system says of each address; libp2p puts all of it into one message, with stacks. */
export function listenFailed(what: string, addresses: readonly string[], cause: unknown): P2pError {
  const said = explain(cause);
  const reasons = [...said.matchAll(/listen E[A-Z0-9]+: [^\n]+/g)].map(([reason]) => inWords(reason));
  return new P2pError("p2p/listen-failed", what, {
    cause: new Error(reasons.length === 0 ? said.split("\n").slice(0, 4).join(" ") : reasons.join("; ")),
    facts: { addresses },
    hint: "Another program may use the port, or the address is not this machine's.",
  });
}
