import { currentSlot } from "../world.ts";
import { answer } from "./answer.ts";
import { type Call, notFound, param, type Route } from "./call.ts";

const NAME = "Trireme-Chain";
const VERSION = "v0.1.0";
/** The chain is one process that stands for a whole network, so its one peer is the rest of that network. */
const PEER_ID = "16Uiu2HAmTriremeSimulatedBeaconChain1111111111111111";

/** What the node says of itself. */
export const nodeRoutes: readonly Route[] = [
  { method: "GET", path: "/eth/v1/node/version", run: () => answer({ version: `${NAME}/${VERSION}` }) },
  {
    method: "GET",
    path: "/eth/v2/node/version",
    run: () => answer({ beacon_node: { code: "TR", name: NAME, version: VERSION, commit: "00000000" } }),
  },
  { method: "GET", path: "/eth/v1/node/syncing", run: syncing },
  { method: "GET", path: "/eth/v1/node/health", run: () => new Response(null, { status: 200 }) },
  {
    method: "GET",
    path: "/eth/v1/node/identity",
    run: () =>
      answer({
        peer_id: PEER_ID,
        enr: "",
        p2p_addresses: [],
        discovery_addresses: [],
        metadata: {
          seq_number: "0",
          attnets: "0xffffffffffffffff",
          syncnets: "0x0f",
          custody_group_count: "128",
        },
      }),
  },
  {
    method: "GET",
    path: "/eth/v1/node/peer_count",
    run: () => answer({ disconnected: "0", connecting: "0", connected: "1", disconnecting: "0" }),
  },
  { method: "GET", path: "/eth/v1/node/peers", run: () => answer([peer], { meta: { count: 1 } }) },
  {
    method: "GET",
    path: "/eth/v1/node/peers/:peer",
    run: (call) => {
      if (param(call, "peer") !== PEER_ID) throw notFound("peer is not known");
      return answer(peer);
    },
  },
];

const peer = {
  peer_id: PEER_ID,
  enr: "",
  last_seen_p2p_address: "",
  state: "connected",
  direction: "outbound",
};

/** Always in sync: what is missing at the head are blocks that nobody made. */
function syncing({ world, at }: Call): Response {
  const head = Math.min(world.tree.head.slot, currentSlot(world, at));
  return answer({
    head_slot: String(head),
    sync_distance: "0",
    is_syncing: false,
    is_optimistic: false,
    el_offline: false,
  });
}
