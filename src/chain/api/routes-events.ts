import { isTopic, type Topic } from "../event-hub.ts";
import { STREAM_BACKLOG_MAX, STREAMS_MAX } from "../limits.ts";
import { badRequest, type Call, queryList, RequestRefused, type Route } from "./call.ts";

/** The event stream. */
export const eventRoutes: readonly Route[] = [{ method: "GET", path: "/eth/v1/events", run: events }];

function events({ world, url, request }: Call): Response {
  const wanted = new Set<Topic>();
  for (const topic of queryList(url, "topics")) {
    if (!isTopic(topic)) throw badRequest(`topic ${topic.slice(0, 60)} is not known`);
    wanted.add(topic);
  }
  if (wanted.size === 0) throw badRequest("topics are missing");
  if (world.events.size >= STREAMS_MAX) throw new RequestRefused(503, "too many event streams are open");

  const encoder = new TextEncoder();
  let end = (): void => {};
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const close = (): void => {
          end();
          controller.close();
        };
        const unsubscribe = world.events.subscribe(
          wanted,
          (topic, json) => {
            // A reader that does not read is let go: it connects again and asks for what it missed.
            if ((controller.desiredSize ?? 0) <= 0) return close();
            controller.enqueue(encoder.encode(`event: ${topic}\ndata: ${json}\n\n`));
          },
          close,
        );
        request.signal.addEventListener("abort", close, { once: true });
        end = () => {
          unsubscribe();
          request.signal.removeEventListener("abort", close);
        };
        // So that the client sees the headers at once.
        controller.enqueue(encoder.encode(":\n\n"));
      },
      cancel: () => end(),
    },
    { highWaterMark: STREAM_BACKLOG_MAX },
  );
  return new Response(stream, {
    status: 200,
    headers: { "content-type": "text/event-stream", "cache-control": "no-cache" },
  });
}
