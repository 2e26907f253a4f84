import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { derOfSignature, NodeKey, sha256 } from "../crypto/index.ts";
import { type Channel, silent } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { CeremonyError } from "./errors.ts";
import { StepSync, SYNC_PROTOCOL } from "./step-sync.ts";
import { SyncFrames, syncFrame } from "./sync-frames.ts";
import { isGoodbye } from "./testing/goodbye.ts";
import { LoopbackNetwork, type LoopbackNode } from "./testing/loopback.ts";
import { quickClock } from "./testing/quick-clock.ts";
import { MsgSync, MsgSyncResponse } from "./wire.ts";

const keys = [1, 2, 3].map((i) => NodeKey.fromBytes(new Uint8Array(32).fill(i)));
const definitionHash = new Uint8Array(32).fill(9);
const [first, second, third] = [0, 1, 2] as OperatorIndex[] as [OperatorIndex, OperatorIndex, OperatorIndex];

interface Member {
  readonly sync: StepSync;
  readonly node: LoopbackNode;
  readonly stop: AbortController;
  failure: CeremonyError | undefined;
}

function member(
  t: TestContext,
  network: LoopbackNetwork,
  self: number,
  options: { readonly step?: number; readonly definitionHash?: Uint8Array; readonly dialect?: string } = {},
): Member {
  const node = network.join(self);
  const stop = new AbortController();
  const sync = new StepSync({
    channels: node.channels,
    clock: quickClock(20),
    log: silent,
    key: keys[self] as NodeKey,
    self: self as OperatorIndex,
    publicKeys: keys.map(({ publicKey }) => publicKey),
    definitionHash: options.definitionHash ?? definitionHash,
    nickname: `node${self}`,
    fail: (error) => {
      made.failure ??= error;
      stop.abort(error);
    },
  });
  sync.resumeAt(options.step ?? 0);
  const made: Member = { sync, node, stop, failure: undefined };
  sync.start(options.dialect ?? "v1.11", stop.signal);
  t.after(() => {
    stop.abort(new Error("test over"));
    node.leave();
  });
  return made;
}

async function together(members: readonly Member[], step: number): Promise<void> {
  for (const one of members) one.sync.advance(step);
  await Promise.all(
    members.flatMap((one) =>
      [...one.sync.peers.keys()].map((peer) => one.sync.isAt(peer, step, one.stop.signal)),
    ),
  );
}

/** Somebody who speaks to the first member as the second operator, and keeps no rule. */
async function stranger(network: LoopbackNetwork): Promise<{ say(change: object): Promise<string> }> {
  const node = network.join(second);
  const channel: Channel = await node.channels.open(first, SYNC_PROTOCOL, new AbortController().signal);
  const frames = new SyncFrames(channel);
  const honest = {
    timestamp: { seconds: 1, nanos: 2 },
    hashSignature: derOfSignature((keys[1] as NodeKey).sign(sha256(definitionHash))),
    shutdown: false,
    version: "v1.11",
    step: 0,
    nickname: "",
  };
  return {
    say: async (change) => {
      channel.send(syncFrame(MsgSync.encode({ ...honest, ...change })));
      const answer = await frames.next(new AbortController().signal);
      assert.ok(answer !== undefined, "the channel ended");
      const { error, syncTimestamp } = MsgSyncResponse.decode(answer);
      assert.deepEqual(syncTimestamp, honest.timestamp);
      return error;
    },
  };
}

test("nobody passes a step before all have reached it, and all say goodbye at the end", async (t) => {
  const network = new LoopbackNetwork(3);
  const [a, b, c] = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  const all = [a, b, c];
  await Promise.all(all.map(({ sync, stop }) => sync.allJoined(stop.signal)));
  await together(all, 1);
  a.sync.advance(2);
  b.sync.advance(2);
  await a.sync.isAt(second, 2, a.stop.signal);
  assert.equal(a.sync.peers.get(third)?.step, 1);
  c.sync.advance(2);
  await a.sync.isAt(third, 2, a.stop.signal);
  for (let step = 3; step <= 8; step++) await together(all, step);
  await Promise.all(
    all.flatMap(({ sync, stop }) => [...sync.peers.keys()].map((peer) => sync.goodbye(peer, stop.signal))),
  );
  assert.equal(a.sync.peers.get(second)?.nickname, "node1");
  for (const one of all) assert.equal(one.failure, undefined);
});

test("a member that was away comes back at its step, and the others go on with it", async (t) => {
  const network = new LoopbackNetwork(3);
  const [a, b, c] = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  for (let step = 1; step <= 4; step++) await together([a, b, c], step);
  c.stop.abort(new Error("killed"));
  c.node.leave();
  await a.sync.changes.until(() => a.sync.peers.get(third)?.answers === false || undefined, a.stop.signal);
  const again = member(t, network, 2, { step: 4 });
  for (let step = 5; step <= 8; step++) await together([a, b, again], step);
  for (const one of [a, b, again]) assert.equal(one.failure, undefined);
});

test("a member that begins anew, or belongs to another attempt, ends the ceremony by name at everyone", async (t) => {
  const network = new LoopbackNetwork(3);
  const [a, b, c] = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  for (let step = 1; step <= 3; step++) await together([a, b, c], step);
  c.stop.abort(new Error("killed"));
  c.node.leave();
  const anew = member(t, network, 2);
  await Promise.all(
    [a, b].map((one) => one.sync.changes.until(() => one.failure, new AbortController().signal)),
  );
  assert.match(a.failure?.message ?? "", /operator 2.*restarted and has lost/);
  assert.match(b.failure?.message ?? "", /operator 2.*restarted and has lost/);
  await anew.sync.changes.until(() => anew.sync.peers.get(first)?.trouble, anew.stop.signal);
});

test("who says goodbye stays until it was heard, however early the other one said it", async (t) => {
  const network = new LoopbackNetwork(3);
  const all = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  const [a, b] = all;
  await together(all, 1);
  let isLost = true;
  const lost = Promise.withResolvers<void>();
  network.passes = ({ from, to, bytes }) => {
    if (from !== first || to !== second || !isGoodbye(bytes)) return true;
    lost.resolve();
    return !isLost;
  };
  const saying = b.sync.goodbye(first, b.stop.signal);
  await a.sync.changes.until(() => a.sync.peers.get(second)?.leaving || undefined, a.stop.signal);
  let hasLeft = false;
  const leaving = a.sync.goodbye(second, a.stop.signal).then(() => {
    hasLeft = true;
  });
  await lost.promise;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(hasLeft, false, "it left though its goodbye was lost");
  isLost = false;
  await Promise.all([leaving, saying]);
});

test("who has been away for a while is not waited for at the end, and who comes back hears the goodbye again", async (t) => {
  const network = new LoopbackNetwork(3);
  const all = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  const [a, b, c] = all;
  await together(all, 1);
  for (const one of [b, c]) {
    one.stop.abort(new Error("killed"));
    one.node.leave();
  }
  const again = member(t, network, 1, { step: 1 });
  await Promise.all([
    ...[second, third].map((peer) => a.sync.goodbye(peer, a.stop.signal)),
    again.sync.goodbye(first, again.stop.signal),
  ]);
  again.stop.abort(new Error("killed"));
  again.node.leave();
  await a.sync.changes.until(() => a.sync.peers.get(second)?.speaks === false || undefined, a.stop.signal);
  const once = member(t, network, 1, { step: 1 });
  await once.sync.goodbye(first, once.stop.signal);
  assert.equal(once.sync.peers.get(first)?.leaving, true, "it was only away");
});

test("the reason why one gives up reaches the others", async (t) => {
  const network = new LoopbackNetwork(3);
  const all = [0, 1, 2].map((i) => member(t, network, i)) as [Member, Member, Member];
  await together(all, 1);
  all[0].sync.giveUp("operator 2 has sent a bad share");
  for (const one of all.slice(1))
    await one.sync.changes.until(() => one.failure, new AbortController().signal);
  assert.match(
    all[1].failure?.message ?? "",
    /operator 0 ended the ceremony: operator 2 has sent a bad share/,
  );
  assert.equal(all[2].failure?.code, "ceremony/failed");
});

test("before the first step another definition or version is told to its operator and ends nothing here", async (t) => {
  const network = new LoopbackNetwork(3);
  const a = member(t, network, 0);
  const other = await stranger(network);
  assert.match(await other.say({ hashSignature: new Uint8Array(70) }), /another/);
  const signature = derOfSignature((keys[1] as NodeKey).sign(sha256(new Uint8Array(32))));
  assert.match(await other.say({ hashSignature: signature }), /operator 1: its signature/);
  assert.match(
    await other.say({ version: "v1.10" }),
    /mismatching version: it speaks v1\.10, the others v1\.11/,
  );
  assert.match(a.sync.peers.get(second)?.trouble ?? "", /v1\.10/);
  assert.equal(await other.say({}), "");
  assert.equal(a.sync.peers.get(second)?.trouble, undefined);
  assert.equal(a.failure, undefined);
});

test("steps may not go back, nor jump, nor begin in the middle", async (t) => {
  for (const [says, wrong] of [
    [[0, 1, 2], 1],
    [[0, 1], 4],
    [[], 2],
    [[], -1],
  ] as const) {
    const network = new LoopbackNetwork(3);
    const a = member(t, network, 0);
    a.sync.advance(1);
    const other = await stranger(network);
    for (const step of says) assert.equal(await other.say({ step }), "");
    assert.match(await other.say({ step: wrong }), /operator 1/, `${wrong} after ${says.join()}`);
    assert.equal(a.failure?.code, "ceremony/failed");
    assert.equal(a.failure?.facts["operator"], 1);
  }
});

test("frames are read however they were cut; impossible lengths end the channel", async () => {
  const pieces: Uint8Array[] = [];
  const channel = (rest: Uint8Array[]): Channel => ({
    peer: first,
    send: () => {},
    read: async () => rest.shift(),
    close: () => {},
  });
  const bytes = Buffer.concat([syncFrame(Uint8Array.of(1, 2, 3)), syncFrame(Uint8Array.of(4))]);
  assert.equal(bytes.readBigUInt64LE(), 3n);
  for (const byte of bytes) pieces.push(Uint8Array.of(byte));
  const signal = new AbortController().signal;
  const cut = new SyncFrames(channel(pieces));
  assert.deepEqual(await cut.next(signal), Uint8Array.of(1, 2, 3));
  assert.deepEqual(await cut.next(signal), Uint8Array.of(4));
  assert.equal(await cut.next(signal), undefined);
  for (const length of [0n, 70_000n, 2n ** 63n]) {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(length);
    await assert.rejects(new SyncFrames(channel([head])).next(signal), /impossible length/);
  }
});
