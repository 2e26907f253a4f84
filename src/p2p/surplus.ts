import { CROSSING_MS } from "./limits.ts";
import type { Link } from "./links.ts";

/**
 * Which of the connections to a peer is one too many. Both sides dial, so two may cross; both find the same one in surplus, stop
 * using it, and the side with the smaller peer id ends it when nothing has been on it for a while (docs/adr/0032).
 *
 * A direct one wins over a relayed one, of two alike the one that the smaller peer id has dialled, since both sides know who
 * dialled, and of two that the same side has dialled the newer, if both sides saw them come in the same order. It wins only
 * while the peer answers on it, and has done so after the other was opened: else it may be what an earlier life of the peer has
 * left behind, and the other the only one that is alive.
 */
export function isSurplus(link: Link, all: Iterable<Link>, selfIsSmaller: boolean): boolean {
  const isOfSmaller = ({ connection }: Link): boolean =>
    (connection.direction === "outbound") === selfIsSmaller;
  const isBeatenBy = (other: Link): boolean => {
    if (link.relayed !== other.relayed) return link.relayed;
    if (isOfSmaller(link) !== isOfSmaller(other)) return isOfSmaller(other);
    return other.openedAt - link.openedAt > CROSSING_MS;
  };
  for (const other of all) {
    const answers = !other.isDoubtful && other.answeredAt !== undefined && other.answeredAt >= link.openedAt;
    if (answers && isBeatenBy(other)) return true;
  }
  return false;
}
