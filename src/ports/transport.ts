import type { OperatorIndex } from "../spec/index.ts";

/** What a protocol admits from one peer. What goes beyond is counted, logged once per window, and dropped. */
export interface ProtocolLimits {
  /** Largest message in bytes. */
  readonly messageBytesMax: number;
  /** Messages from one peer in a second, sustained; short bursts of `burstMax` pass. */
  readonly messagesPerSecondMax: number;
  readonly burstMax: number;
  /** How long receiving one message may take. */
  readonly receiveTimeoutMs: number;
}

/** Answers a message; `undefined` where the protocol has no answer. A throw drops the message and is counted against the peer, unless it is a bug of ours. */
export type MessageHandler = (
  from: OperatorIndex,
  message: Uint8Array,
) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

/**
 * Authenticated messages between the operators of one cluster. Only cluster peers get in, and `from` is proved by the
 * connection. Nothing is guaranteed about delivery: a message may be lost, late, or come in another order; a peer may lie.
 * Implementations: p2p/, sim/network.ts.
 */
export interface Transport {
  readonly self: OperatorIndex;
  readonly operatorCount: number;
  /** Operators with a live connection, without ourselves. */
  connected(): readonly OperatorIndex[];
  /**
   * Sends one message (protobuf bytes without framing). Settles when it was written to the connection.
   *
   * @throws P2pError `p2p/unreachable` - no connection, or it broke, or the protocol is unknown there.
   */
  send(to: OperatorIndex, protocol: string, message: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Sends one message and waits for one answer; fails like `send`. */
  request(
    to: OperatorIndex,
    protocol: string,
    message: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Uint8Array>;
  /**
   * Calls `listener` whenever a connection to an operator broke that had been in use: what was written to it in the last
   * moments may be lost. Another connection may be there at once.
   */
  onBroken(listener: (to: OperatorIndex) => void): void;
  /** Registers the handler of a protocol; once per protocol, before start. */
  handle(protocol: string, limits: ProtocolLimits, handler: MessageHandler): void;
}
