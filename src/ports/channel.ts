import type { OperatorIndex } from "../spec/index.ts";

/** Bytes both ways between two operators, in order, until one side ends it. For protocols that keep one stream open. */
export interface Channel {
  /** The operator at the other end, proved by the connection. */
  readonly peer: OperatorIndex;
  /** Puts bytes on the wire in one piece. Nothing happens when the channel has ended. */
  send(bytes: Uint8Array): void;
  /**
   * The next bytes, cut as they arrived; undefined once the channel has ended. One reader at a time.
   *
   * @throws the signal's reason when it fires first.
   */
  read(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Ends both directions; harmless when called again. */
  close(): void;
}

/** Long-lived channels between the operators of one cluster, beside the single messages of `Transport`. Implementation: p2p/. */
export interface Channels {
  /** Settles as soon as the operator is connected. @throws the signal's reason when it fires first. */
  untilConnected(to: OperatorIndex, signal: AbortSignal): Promise<void>;
  /**
   * Opens a channel over the best connection at this moment.
   *
   * @throws P2pError `p2p/unreachable` - no connection. That the peer does not know the protocol shows as a channel that ends.
   */
  open(to: OperatorIndex, protocol: string, signal: AbortSignal): Promise<Channel>;
  /** Registers who takes the channels that peers open; once per protocol, before start. The channel ends when `take` settles. */
  serve(protocol: string, take: (channel: Channel) => Promise<void>): void;
}
