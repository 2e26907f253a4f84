import assert from "node:assert/strict";
import { test } from "node:test";
import type { Peer, PeerData, PeerId, PeerStore } from "@libp2p/interface";
import { noteProtocolsOnce } from "./note-protocols-once.ts";

function countingStore(): { store: PeerStore; merged: PeerData[] } {
  const merged: PeerData[] = [];
  const store = {
    merge: async (id: PeerId, data: PeerData): Promise<Peer> => {
      merged.push(data);
      return { id } as Peer;
    },
  } as unknown as PeerStore;
  noteProtocolsOnce(store);
  return { store, merged };
}
const peer = (name: string): PeerId => ({ toString: () => name }) as PeerId;

test("a protocol of a peer is written down once, and again for another peer or protocol", async () => {
  const { store, merged } = countingStore();
  const first = await store.merge(peer("a"), { protocols: ["/x"] });
  assert.equal(await store.merge(peer("a"), { protocols: ["/x"] }), first);
  assert.equal(merged.length, 1);
  await store.merge(peer("a"), { protocols: ["/y"] });
  await store.merge(peer("b"), { protocols: ["/x"] });
  assert.equal(merged.length, 3);
  await store.merge(peer("a"), { protocols: ["/x", "/y"] });
  assert.equal(merged.length, 3);
});

test("what comes with more than protocols is always written down", async () => {
  const { store, merged } = countingStore();
  await store.merge(peer("a"), { protocols: ["/x"] });
  await store.merge(peer("a"), { protocols: ["/x"], metadata: {} });
  await store.merge(peer("a"), { multiaddrs: [] });
  assert.equal(merged.length, 3);
});
