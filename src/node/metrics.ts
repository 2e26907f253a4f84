import type { Meter } from "../ports/index.ts";

/** What `trireme relay` measures besides its traffic; names are Charon's where it has the same. */
export function relayMetrics(meter: Meter) {
  return {
    connections: meter.gauge("relay_p2p_active_connections", "Open connections of nodes"),
    reservations: meter.gauge("trireme_relay_reservations", "Places taken by nodes, one each"),
  };
}
