import type { Transport } from "../ports/index.ts";

/** No message is larger than all that its author may have to say in this ceremony: such a one is refused before it is read. */
export function withinMail(transport: Transport, bytesMax: number): Transport {
  return {
    ...transport,
    handle: (protocol, limits, handler) => {
      const messageBytesMax = Math.min(limits.messageBytesMax, bytesMax);
      transport.handle(protocol, { ...limits, messageBytesMax }, handler);
    },
  };
}
