import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Stream } from "@libp2p/interface";
import { silent, unmetered } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { tcpAddress } from "./addresses.ts";
import { Heartbeat, PING_PROTOCOL } from "./heartbeat.ts";
import { createHost, type Host, serveProtocol, startHost } from "./host.ts";
import { SURPLUS_PINGS } from "./limits.ts";
import { AGENT_PREFIX, type Link, Links } from "./links.ts";
import { PingServer } from "./ping-server.ts";
import { Roster } from "./roster.ts";
import { newKey, ObservedMeter, until } from "./testing/hosts.ts";
import { Violations } from "./violations.ts";

const protocol = "/trireme/test/1.0.0";

/** A real node with its links, and pings without a rest, that never dials by itself. */
class Side {
  readonly links: Links;
  readonly roster: Roster;
  readonly meter: ObservedMeter = new ObservedMeter();
  readonly #host: Host;

  private constructor(roster: Roster, links: Links, host: Host) {
    this.roster = roster;
    this.links = links;
    this.#host = host;
  }

  static async start(
    t: TestContext,
    keys: readonly ReturnType<typeof newKey>[],
    self: number,
    agent: string,
  ): Promise<Side> {
    const operators = keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey }));
    const roster = new Roster(
      operators,
      self as OperatorIndex,
      keys[self]?.revealBytes() ?? new Uint8Array(0),
    );
    const violations = new Violations({ log: silent, meter: unmetered, now: () => 0, onExcess: () => {} });
    const listen = [tcpAddress("127.0.0.1:0", "listen address")];
    const host = await createHost(
      { roster, violations, peersAt: () => [], onTurnedAway: () => {}, isNamed: () => false },
      { listen, announce: [], agent, useRelays: false },
    );
    const links = new Links({ roster, log: silent, meter: unmetered, violations });
    const side = new Side(roster, links, host);
    const heartbeat = new Heartbeat({ links, meter: side.meter, intervalMs: 1 });
    let time = 0; // So much passes between two pings that none is one too many.
    const pings = new PingServer({ roster, violations, now: () => (time += 1_000) });
    host.node.addEventListener("connection:open", ({ detail }) => {
      const link = links.add(detail);
      if (link !== undefined) void heartbeat.keep(link);
    });
    host.node.addEventListener("peer:identify", ({ detail }) => {
      const link = links.of(detail.connection);
      // A Charon has no rule of ours.
      if (link !== undefined && agent.startsWith(AGENT_PREFIX))
        links.introduced(link, detail.agentVersion ?? "");
    });
    await serveProtocol(host, PING_PROTOCOL, (stream, connection) => pings.serve(stream, connection));
    await serveProtocol(host, protocol, async () => {});
    await startHost(host, listen);
    t.after(() => host.node.stop());
    return side;
  }

  /** Opens a connection, whatever there is already; settles when the other side has answered on it. */
  async dial(other: Side): Promise<Link> {
    const address = String(other.#host.node.getMultiaddrs()[0]);
    const connection = await this.#host.dial(address, new AbortController().signal);
    const link = this.links.of(connection);
    assert.ok(link !== undefined);
    await this.links.verified(link);
    return link;
  }
  /** The verified links to the other side, best first. */
  get usable(): readonly Link[] {
    return this.links.ranked(this.roster.peers[0]?.operator as OperatorIndex);
  }
  /** Settles when so many pings more have come back. */
  async pinged(more: number): Promise<void> {
    const count = "p2p_ping_latency_secs_count";
    await this.meter.reached(count, {}, this.meter.value(count) + more);
  }
}

/** Two sides, the one with the smaller peer id first. */
async function twoSides(t: TestContext, agents: readonly [string, string]): Promise<[Side, Side]> {
  const keys = [newKey(), newKey()];
  const sides = [await Side.start(t, keys, 0, agents[0]), await Side.start(t, keys, 1, agents[1])] as const;
  const [a, b] = sides;
  return a.roster.isSmallerThan(b.roster.self) ? [a, b] : [b, a];
}

const directions = (side: Side): readonly string[] =>
  side.usable.map(({ connection }) => connection.direction);

test("of two connections that cross both sides keep the one that the smaller peer id has dialled", async (t) => {
  for (const order of ["the smaller first", "the larger first", "at once"]) {
    const [smaller, larger] = await twoSides(t, ["trireme/v1", "trireme/v1"]);
    const dials = [() => smaller.dial(larger), () => larger.dial(smaller)];
    if (order === "at once") await Promise.all(dials.map((dial) => dial()));
    else for (const dial of order === "the smaller first" ? dials : dials.toReversed()) await dial();
    const isOne = (): boolean =>
      directions(smaller).join() === "outbound" && directions(larger).join() === "inbound";
    await until(isOne);
    await Promise.all([smaller.pinged(SURPLUS_PINGS), larger.pinged(SURPLUS_PINGS)]);
    assert.ok(isOne(), order);
  }
});

test("the one in surplus is no longer used, and lasts as long as anything is under way on it", async (t) => {
  const [smaller, larger] = await twoSides(t, ["trireme/v1", "trireme/v1"]);
  const surplus = await larger.dial(smaller);
  const stream: Stream = await surplus.connection.newStream(protocol);
  const kept = await smaller.dial(larger);
  await until(() => larger.usable.length === 2 && larger.usable[1] === surplus && smaller.usable[0] === kept);
  await smaller.pinged(10 * SURPLUS_PINGS);
  assert.deepEqual([stream.status, smaller.usable.length, larger.usable.length], ["open", 2, 2]);
  stream.abort(new Error("done"));
  await until(() => smaller.usable.length === 1 && larger.usable.length === 1);
  assert.deepEqual([smaller.usable, surplus.connection.status === "open"], [[kept], false]);
});

test("both stay with a Charon, which uses the one or the other as it likes, and are used as before", async (t) => {
  for (const agents of [
    ["trireme/v1", "charon/v1.11.0"],
    ["charon/v1.11.0", "trireme/v1"],
  ] as const) {
    const [smaller, larger] = await twoSides(t, agents);
    await smaller.dial(larger);
    const newest = await larger.dial(smaller);
    await until(() => smaller.usable.length === 2 && larger.usable.length === 2);
    for (let i = 0; i < 3 * SURPLUS_PINGS; i++) await Promise.all([smaller.pinged(2), larger.pinged(2)]);
    assert.deepEqual([smaller.usable.length, larger.usable.length], [2, 2]);
    assert.equal(larger.usable[0], newest);
  }
});
