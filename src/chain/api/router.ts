import { createRouter } from "../../http/index.ts";
import type { ChainContext, Route } from "./call.ts";
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

const router = createRouter(routes, { server: "beacon node" });

/** Answers one request. */
export function dispatch(request: Request, context: ChainContext): Promise<Response> {
  return router.dispatch(request, context);
}
