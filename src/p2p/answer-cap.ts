import type { MessageStream } from "@libp2p/interface";

/**
 * Ends an exchange that comes to nothing. The other side proposes protocols, a line each, and libp2p answers every one of them
 * with a line, for as long as lines come and without a look at anything else: 300 kB of them held a node for 0.8 s, from
 * whoever can open a connection.
 *
 * @param max - So many answers are sent.
 * @param onExceeded - Called in place of every further one; has to abort the stream.
 * @returns Call it when the exchange is over: from then on whatever is sent passes.
 * @spec libp2p connections/README.md#multistream-select
 */
export function capAnswers(
  stream: Pick<MessageStream, "send">,
  max: number,
  onExceeded: () => void,
): () => void {
  const send = stream.send.bind(stream);
  let answers = 0;
  let isOver = false;
  // Stays: others may have put theirs on top of it.
  stream.send = (data) => {
    if (!isOver && ++answers > max) onExceeded();
    return send(data);
  };
  return () => {
    isOver = true;
  };
}
