import type { Peer, PeerStore } from "@libp2p/interface";

/**
 * Lets a peer store write a peer's protocol down once. libp2p does it for every stream at both ends, and each time reads,
 * decodes and compares the whole record; a message of ours is a stream, so that was a tenth of what a message costs.
 * What comes with anything beside protocols, as identify's answer does, goes through.
 */
export function noteProtocolsOnce(store: PeerStore): void {
  const noted = new Map<string, { readonly peer: Peer; readonly protocols: Set<string> }>();
  const merge = store.merge.bind(store);
  store.merge = async (id, data, options) => {
    const { protocols, ...more } = data;
    if (protocols === undefined || Object.keys(more).length > 0) return merge(id, data, options);
    const key = id.toString();
    const known = noted.get(key);
    if (known !== undefined && protocols.every((protocol) => known.protocols.has(protocol)))
      return known.peer;
    const peer = await merge(id, data, options);
    noted.set(key, { peer, protocols: new Set([...(known?.protocols ?? []), ...protocols]) });
    return peer;
  };
}
