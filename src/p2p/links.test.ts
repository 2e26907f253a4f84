import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "@libp2p/interface";
import { silent, unmetered } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { connectionsMaxPerPeer } from "./limits.ts";
import { type Link, Links } from "./links.ts";
import { Roster } from "./roster.ts";
import { newKey } from "./testing/hosts.ts";
import { Violations } from "./violations.ts";

const one = 1 as OperatorIndex;

/** Links to operator 1, over connections that are nothing but open or closed. */
function links() {
  const keys = [newKey(), newKey()];
  const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
  const roster = new Roster(operators, 0 as OperatorIndex, keys[0]?.revealBytes() ?? new Uint8Array(0));
  const violations = new Violations({ log: silent, meter: unmetered, now: () => 0, onExcess: () => {} });
  const all = new Links({ roster, log: silent, meter: unmetered, violations });
  let id = 0;
  const connect = (options: { relayed?: boolean } = {}): Link => {
    const connection = Object.assign(new EventTarget(), {
      id: String(id++),
      remotePeer: roster.peers[0]?.peerId,
      direct: options.relayed !== true,
      limits: options.relayed === true ? { seconds: 60 } : undefined,
      status: "open",
      abort: () => {
        connection.status = "aborted";
        connection.dispatchEvent(new Event("close"));
      },
    });
    const link = all.add(connection as unknown as Connection);
    assert.ok(link !== undefined);
    return link;
  };
  return { all, connect };
}

test("a direct connection is used before a relayed one, a newer before an older, and only when the peer has answered on it", () => {
  const { all, connect } = links();
  const [oldDirect, direct, relayed, silentOne] = [
    connect(),
    connect(),
    connect({ relayed: true }),
    connect(),
  ];
  assert.deepEqual(all.connected(), []);
  for (const link of [oldDirect, relayed]) all.verify(link);
  assert.equal(all.best(one), oldDirect);
  all.verify(direct);
  assert.deepEqual(all.ranked(one), [direct, oldDirect, relayed]);
  assert.equal(silentOne.verified, false);
  direct.connection.abort(new Error("gone"));
  oldDirect.connection.abort(new Error("gone"));
  assert.equal(all.best(one), relayed);
  relayed.connection.abort(new Error("gone"));
  assert.deepEqual(all.connected(), []);
});

test("a peer that opens connection after connection loses its oldest, those it never answered on first", () => {
  const { all, connect } = links();
  const kept = connect();
  all.verify(kept);
  const others = Array.from({ length: 10 }, () => connect());
  const open = [kept, ...others].filter(({ connection }) => connection.status === "open");
  assert.equal(open.length, connectionsMaxPerPeer);
  assert.ok(open.includes(kept), "the one connection in use was closed for the sake of silent ones");
  assert.ok(open.includes(others[9] as Link));
});
