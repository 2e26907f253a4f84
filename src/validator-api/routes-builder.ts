import type { ApiRoute } from "./context.ts";
import { publish } from "./routes-blocks.ts";
import { registerValidators } from "./routes-settings.ts";

/**
 * A relay that never bids, for clients that give a signed blinded block to the relay they have it from instead of to their
 * beacon node (charon#4666). The cluster's beacon nodes asked the real relays; a client that has this node for its relay
 * gets no bid here, signs the block that the cluster decided on, and leaves its partial signature here, where it is taken
 * like any other. A real relay could do nothing with it.
 *
 * @spec builder-specs apis/builder; docs/adr/0150-a-relay-that-never-bids.md
 */
export const builderRoutes: readonly ApiRoute[] = [
  { name: "builder_status", method: "GET", path: "/eth/v1/builder/status", run: () => new Response(null) },
  {
    name: "builder_validators",
    method: "POST",
    path: "/eth/v1/builder/validators",
    run: registerValidators,
  },
  {
    name: "builder_header",
    method: "GET",
    path: "/eth/v1/builder/header/:slot/:parent_hash/:pubkey",
    run: () => new Response(null, { status: 204 }),
  },
  ...(["v1", "v2"] as const).map(
    (version): ApiRoute => ({
      name: "builder_blinded_blocks",
      method: "POST",
      path: `/eth/${version}/builder/blinded_blocks`,
      async run(call) {
        await publish(call, true);
        // Taken; the block is published by whoever of the cluster completes it, so there is no payload to hand back.
        return new Response(null, { status: 202 });
      },
    }),
  ),
];
