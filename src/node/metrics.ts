import type { Meter } from "../ports/index.ts";

/** What a node measures that no single room of it knows; names begin with its own. */
export function nodeMetrics(meter: Meter) {
  return {
    doubles: meter.counter(
      "trireme_node_doubles_total",
      "Traces of another program that runs as this operator: a message signed with its key, or a round led in its place",
      ["evidence"],
    ),
  };
}

/** What `trireme relay` measures besides its traffic; names are Charon's where it has the same. */
export function relayMetrics(meter: Meter) {
  return {
    connections: meter.gauge("relay_p2p_active_connections", "Open connections of nodes"),
    reservations: meter.gauge("trireme_relay_reservations", "Places taken by nodes, one each"),
  };
}
