import type { Link } from "./links.ts";

/**
 * Which of the connections to a peer is one too many. Both sides dial, so two may cross; both find the same one in surplus, stop
 * using it, and the side with the smaller peer id ends it when nothing has been on it for a while (docs/adr/0032).
 *
 * A direct one wins over a relayed one, and of two alike the one that the smaller peer id has dialled, since both sides know
 * who dialled. It wins only once the peer has answered on it after the other was opened: else it may be what an earlier life
 * of the peer has left behind, and the other the only one that is alive.
 */
export function isSurplus(link: Link, all: Iterable<Link>, selfIsSmaller: boolean): boolean {
  const isOfSmaller = ({ connection }: Link): boolean =>
    (connection.direction === "outbound") === selfIsSmaller;
  for (const other of all) {
    if (other.answeredAt === undefined || other.answeredAt < link.openedAt) continue;
    if (link.relayed === other.relayed ? isOfSmaller(other) && !isOfSmaller(link) : link.relayed) return true;
  }
  return false;
}
