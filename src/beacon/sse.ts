import { createParser, type EventSourceMessage } from "eventsource-parser";
import { bad } from "./errors.ts";
import { partsOf } from "./http.ts";
import { EVENT_BYTES_MAX } from "./limits.ts";

/** A server-sent event, or a sign of life: something that is no event (a comment), or an event on its way. */
export type StreamItem =
  | { readonly kind: "event"; readonly topic: string; readonly data: string }
  | { readonly kind: "life" };

/**
 * Reads a stream of server-sent events until it ends or the signal fires. Memory stays bounded whatever comes.
 *
 * @throws BeaconError `beacon/bad-answer` - an event without end; the signal's reason; what the connection died of.
 */
export async function* readSse(response: Response, signal: AbortSignal): AsyncGenerator<StreamItem> {
  const arrived: EventSourceMessage[] = [];
  let overlong = false;
  const parser = createParser({
    maxBufferSize: EVENT_BYTES_MAX,
    onEvent: (event) => void arrived.push(event),
    onError: (error) => {
      overlong ||= error.type === "max-buffer-size-exceeded";
    },
  });
  const decoder = new TextDecoder();
  for await (const part of partsOf(response, signal)) {
    // A part may be as large as the sender likes, and the parser's bound holds between feeds.
    for (let at = 0; at < part.length && !overlong; at += EVENT_BYTES_MAX) {
      parser.feed(decoder.decode(part.subarray(at, at + EVENT_BYTES_MAX), { stream: true }));
    }
    if (overlong) throw bad("event", `at most ${EVENT_BYTES_MAX} bytes`);
    yield { kind: "life" };
    for (const { event, data } of arrived.splice(0)) yield { kind: "event", topic: event ?? "", data };
  }
}
