import { AssertionFailed } from "../../base/index.ts";
import { json } from "./answer.ts";
import { type Call, RequestRefused, type Route } from "./call.ts";
import { blockRoutes } from "./routes-blocks.ts";
import { configRoutes } from "./routes-config.ts";
import { dutyRoutes } from "./routes-duties.ts";
import { eventRoutes } from "./routes-events.ts";
import { nodeRoutes } from "./routes-node.ts";
import { poolRoutes } from "./routes-pool.ts";
import { proposalRoutes } from "./routes-proposals.ts";
import { stateRoutes } from "./routes-states.ts";
import { voteRoutes } from "./routes-votes.ts";

/** The whole API as one table. */
export const routes: readonly Route[] = [
  ...nodeRoutes,
  ...configRoutes,
  ...stateRoutes,
  ...blockRoutes,
  ...poolRoutes,
  ...dutyRoutes,
  ...voteRoutes,
  ...proposalRoutes,
  ...eventRoutes,
];

const compiled = routes.map((route) => ({ route, segments: route.path.split("/") }));

/** Answers one request. Never rejects: whatever goes wrong has its `{ code, message }`. */
export async function dispatch(
  request: Request,
  context: Pick<Call, "world" | "at" | "reach">,
): Promise<Response> {
  try {
    const url = new URL(request.url);
    const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, "") : url.pathname;
    const found = find(request.method, path);
    if (found.route === undefined)
      return found.otherMethod
        ? refusal(405, `${request.method} is not supported for ${path.slice(0, 120)}`)
        : refusal(404, `this beacon node has no ${path.slice(0, 120)}`);
    return await found.route.run({ ...context, request, url, params: found.params });
  } catch (error) {
    if (error instanceof RequestRefused) return refusal(error.status, error.message, error.failures);
    if (error instanceof AssertionFailed) throw error;
    return refusal(500, error instanceof Error ? error.message.slice(0, 300) : "internal error");
  }
}

function find(
  method: string,
  path: string,
): { route?: Route; params: Record<string, string>; otherMethod: boolean } {
  const parts = path.split("/");
  let otherMethod = false;
  for (const { route, segments } of compiled) {
    const params = match(segments, parts);
    if (params === undefined) continue;
    if (route.method === method) return { route, params, otherMethod };
    otherMethod = true;
  }
  return { params: {}, otherMethod };
}

function match(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [place, segment] of segments.entries()) {
    const part = parts[place] as string;
    if (segment.startsWith(":")) {
      if (part === "") return undefined;
      params[segment.slice(1)] = decode(part);
    } else if (segment !== part) return undefined;
  }
  return params;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RequestRefused(400, "path is not properly encoded");
  }
}

function refusal(status: number, message: string, failures?: RequestRefused["failures"]): Response {
  return json(status, { code: status, message, ...(failures === undefined ? {} : { failures }) });
}
