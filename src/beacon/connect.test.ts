import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex } from "../base/index.ts";
import { connectedWorld, FakeNode, json, whileAdvancing, world } from "./testing/fake-node.ts";
import { RECORDED_NOW, recordedJson } from "./testing/fixtures.ts";

const signal = new AbortController().signal;
const DUTIES = "/eth/v1/validator/duties/proposer/4";

function onOtherChain(name: string, bend: { genesis?: object; spec?: object }): FakeNode {
  const genesis = recordedJson("genesis.json");
  const spec = recordedJson("spec.json");
  return new FakeNode(name)
    .on("/eth/v1/beacon/genesis", () => json({ data: { ...genesis.data, ...bend.genesis } }))
    .on("/eth/v1/config/spec", () => json({ data: { ...spec.data, ...bend.spec } }));
}

test("the chain is learned from the recorded specification and genesis", async () => {
  const w = world([new FakeNode("one")]);
  const chain = await whileAdvancing(w.clock, w.beacon.connectChain(signal));
  assert.equal(chain.genesisTime, 1_795_446_538_000);
  assert.equal(chain.slotMs, 6_000);
  assert.equal(chain.slotsPerEpoch, 32);
  assert.equal(chain.raw["DEPOSIT_CHAIN_ID"], "32382");
  assert.equal(w.beacon.status()[0]?.version, "Prysm/Unknown-Local b (linux amd64)");
  assert.equal(w.beacon.status()[0]?.peers, 7);
  await w.beacon.close();
});

test("a node on another chain is named and left out, whichever part of the chain differs", async () => {
  for (const bend of [
    { genesis: { genesis_validators_root: `0x${"11".repeat(32)}` } },
    { genesis: { genesis_fork_version: "0x10000000" } },
    { genesis: { genesis_time: "1795446539" } },
    { spec: { DEPOSIT_CHAIN_ID: "1" } },
    { spec: { SLOT_DURATION_MS: "12000", SECONDS_PER_SLOT: "12" } },
  ]) {
    const foreign = onOtherChain("foreign", bend);
    const w = await connectedWorld([new FakeNode("one"), foreign, new FakeNode("two")]);
    assert.deepEqual(
      w.beacon.status().map((node) => node.chain),
      ["ours", "other", "ours"],
    );
    assert.ok(w.log.some((line) => line.startsWith("error") && line.includes('"node":"foreign"')));
    await w.beacon.proposerDuties(4, signal);
    await w.beacon.prepareProposers([{ validatorIndex: 1, feeRecipient: `0x${"00".repeat(20)}` }], signal);
    assert.equal(foreign.count("/eth/v1/validator"), 0);
    await w.beacon.close();
  }
});

test("the cluster lock's fork version decides against a majority", async () => {
  const strangers = ["a", "b"].map((name) =>
    onOtherChain(name, { genesis: { genesis_fork_version: "0x10000000" } }),
  );
  const genesisForkVersion = fromHex("0x20000089");
  const w = await connectedWorld([...strangers, new FakeNode("ours")], { genesisForkVersion });
  assert.deepEqual(
    w.beacon.status().map((node) => node.chain),
    ["other", "other", "ours"],
  );
  await w.beacon.close();

  const later = world([...strangers, new FakeNode("ours")]);
  await whileAdvancing(later.clock, later.beacon.connect(genesisForkVersion, signal));
  assert.deepEqual(
    later.beacon.status().map((node) => node.chain),
    ["other", "other", "ours"],
  );
  await later.beacon.close();

  const none = world(strangers, { genesisForkVersion });
  await assert.rejects(whileAdvancing(none.clock, none.beacon.connectChain(signal)), {
    code: "beacon/other-chain",
  });
  await none.beacon.close();
});

test("start-up waits for a node and for genesis, and says what it waits for", async () => {
  const node = new FakeNode("one");
  let known = false;
  node.on("/eth/v1/beacon/genesis", () =>
    known
      ? json(recordedJson("genesis.json"))
      : json({ code: 404, message: "Chain genesis info is not yet known" }, 404),
  );
  const w = world([node]);
  let connected = false;
  const connecting = w.beacon.connectChain(signal).then(() => {
    connected = true;
  });
  await w.clock.advance(15_000);
  assert.equal(connected, false);
  assert.ok(
    w.log.some((line) => line.startsWith("warn") && line.includes("Chain genesis info is not yet known")),
  );
  assert.ok(w.log.length <= 3, "one line in ten tries");
  known = true;
  await w.clock.advance(5_000);
  await connecting;
  await w.beacon.close();
});

test("start-up ends with the signal", async () => {
  const w = world([new FakeNode("one").on("/eth/v1/beacon/genesis", () => new Promise(() => {}))]);
  const stop = new AbortController();
  const connecting = w.beacon.connectChain(stop.signal);
  connecting.catch(() => {});
  await w.clock.advance(1_000);
  const reason = new Error("stop");
  stop.abort(reason);
  await assert.rejects(connecting, reason);
  await w.clock.advance(0);
  assert.equal(w.clock.armed, 0);
});

test("a node that comes later is asked only after it has named our chain", async () => {
  let up = false;
  const down = () => {
    throw new Error("connect ECONNREFUSED");
  };
  for (const [late, chain] of [
    [new FakeNode("late"), "ours"],
    [onOtherChain("late", { genesis: { genesis_validators_root: `0x${"11".repeat(32)}` } }), "other"],
  ] as const) {
    up = false;
    const w = await connectedWorld([new FakeNode("one"), late], {
      http: async (request) => {
        const node = new URL(request.url).hostname === "late" ? late : w0;
        return node === late && !up ? down() : node.handle(request);
      },
    });
    assert.equal(w.beacon.status()[1]?.chain, "unknown");
    await w.beacon.proposerDuties(4, signal);
    assert.equal(late.asked.length, 0);
    up = true;
    await w.clock.advance(10_000);
    assert.equal(w.beacon.status()[1]?.chain, chain);
    assert.equal(w.beacon.status()[1]?.usable, chain === "ours");
    assert.equal(late.count(DUTIES), 0);
    await w.beacon.close();
  }
});
const w0 = new FakeNode("one");

test("a node that went down and came back on another chain is left out", async () => {
  const node = new FakeNode("turncoat");
  const w = await connectedWorld([new FakeNode("one"), node]);
  node.on("/eth/v1/node/syncing", () => json({ message: "starting" }, 500));
  await w.clock.advance(7_000);
  assert.equal(w.beacon.status()[1]?.reachable, false);
  const genesis = recordedJson("genesis.json");
  node
    .on("/eth/v1/node/syncing", () => json(recordedJson("syncing.json")))
    .on("/eth/v1/beacon/genesis", () =>
      json({ data: { ...genesis.data, genesis_validators_root: `0x${"11".repeat(32)}` } }),
    );
  await w.clock.advance(7_000);
  assert.equal(w.beacon.status()[1]?.chain, "other");
  await w.beacon.close();
});

test("nobody is asked before the chain is known", async () => {
  const node = new FakeNode("one");
  const w = world([node]);
  await assert.rejects(w.beacon.validators([`0x${"00".repeat(48)}` as never], signal), {
    code: "beacon/unavailable",
  });
  assert.equal(node.asked.length, 0);
});

test("credentials are sent, and shown nowhere", async () => {
  const node = new FakeNode("node.example");
  const seen: (string | null)[] = [];
  const w = world([node], {
    endpoints: ["http://user:p%40ss@node.example/0123456789abcdef0123/?token=secret"],
    headers: { "x-extra": "yes" },
    http: async (request) => {
      seen.push(request.headers.get("authorization"), request.headers.get("x-extra"));
      const url = new URL(request.url);
      assert.equal(url.searchParams.get("token"), "secret");
      assert.ok(url.pathname.startsWith("/0123456789abcdef0123/eth/"));
      return node.handle(new Request(request.url.replace("/0123456789abcdef0123", "")));
    },
  });
  await whileAdvancing(w.clock, w.beacon.connectChain(signal));
  assert.ok(seen.every((value, i) => value === (i % 2 === 0 ? `Basic ${btoa("user:p@ss")}` : "yes")));
  const shown = JSON.stringify([w.beacon.status(), w.log]);
  for (const secret of ["p@ss", "p%40ss", "0123456789abcdef0123", "secret"])
    assert.ok(!shown.includes(secret), `${secret} is shown`);
  assert.ok(shown.includes("node.example"));
  await w.beacon.close();
});

test("an address that is none is refused without being repeated", () => {
  for (const endpoints of [["ftp://user:secret@host"], ["user:secret@host"], [""], []]) {
    assert.throws(
      () => world([], { endpoints }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "beacon/bad-endpoint");
        assert.ok(!JSON.stringify(error).includes("secret"));
        return true;
      },
    );
  }
});

const EPOCH_MS = 32 * 6_000;
const EPOCHS_A_WEEK = (7 * 24 * 3_600_000) / EPOCH_MS;

/** The recorded chain with Gloas planned so many epochs after the present one. */
function planning(name: string, epochsAhead?: number, more: object = {}): FakeNode {
  const spec = recordedJson("spec.json");
  const now = Math.floor((RECORDED_NOW - 1_795_446_538_000) / EPOCH_MS);
  const gloas = epochsAhead === undefined ? {} : { GLOAS_FORK_EPOCH: String(now + epochsAhead) };
  return new FakeNode(name).on("/eth/v1/config/spec", () =>
    json({ data: { ...spec.data, ...gloas, ...more } }),
  );
}

test("beacon nodes that disagree about a fork within two weeks are not started with, and both are named", async () => {
  const w = world([planning("old"), planning("new", EPOCHS_A_WEEK)]);
  await assert.rejects(
    whileAdvancing(w.clock, w.beacon.connectChain(signal)),
    (error: Error & { code: string; facts: { found: readonly string[] } }) => {
      assert.equal(error.code, "beacon/forks-differ");
      assert.ok(error.facts.found.some((line) => line.startsWith("old: nothing of it")));
      assert.ok(error.facts.found.some((line) => line.startsWith("new: gloas from epoch")));
      return true;
    },
  );
  await w.beacon.close();

  const far = await connectedWorld([planning("old"), planning("new", 3 * EPOCHS_A_WEEK)]);
  assert.ok(far.log.some((line) => line.startsWith("error") && line.includes("plans other forks")));
  await far.beacon.close();
});

test("a beacon node that plans another fork than at the start is noticed within an epoch", async () => {
  const node = planning("one");
  let told = 0;
  const w = await connectedWorld([node], { onNewSchedule: () => void told++ });
  await w.clock.advance(2 * EPOCH_MS);
  assert.equal(told, 0, "nothing changed");
  node.on("/eth/v1/config/spec", (request) => planning("upgraded", EPOCHS_A_WEEK).handle(request));
  await w.clock.advance(EPOCH_MS + 7_000);
  assert.ok(told > 0);
  assert.ok(w.log.some((line) => line.startsWith("error") && line.includes("gloas from epoch")));
  await w.beacon.close();
});

test("a beacon node that came back with another plan is noticed at once, and followed when all have it", async () => {
  const [first, second] = [planning("first"), planning("second")];
  let told = 0;
  const w = await connectedWorld([first, second], { onNewSchedule: () => void told++ });
  const upgrade = async (node: FakeNode, more: object): Promise<void> => {
    node.on("/eth/v1/config/spec", (request) => planning("upgraded", EPOCHS_A_WEEK, more).handle(request));
    node.on("/eth/v1/node/syncing", () => json({ message: "starting" }, 500));
    await w.clock.advance(7_000);
    node.on("/eth/v1/node/syncing", () => json(recordedJson("syncing.json")));
    await w.clock.advance(7_000);
  };
  await upgrade(first, {});
  assert.equal(told, 0, "one still plans the old way");
  await upgrade(second, { ATTESTATION_DUE_BPS_GLOAS: "2499" }); // Which kinds of nodes tell of differs.
  assert.ok(told > 0);
  await w.beacon.close();
});

test("a chain with another preset than this process is refused, with the values that differ", async () => {
  const w = world([onOtherChain("gnosis", { spec: { MAX_WITHDRAWALS_PER_PAYLOAD: "8" } })]);
  await assert.rejects(
    whileAdvancing(w.clock, w.beacon.connectChain(signal)),
    (error: Error & { code: string; facts: object }) => {
      assert.equal(error.code, "spec/preset-differs");
      assert.deepEqual(error.facts, {
        preset: "mainnet",
        differs: ["MAX_WITHDRAWALS_PER_PAYLOAD: 8 on the chain, 16 here"],
      });
      return true;
    },
  );
  await w.beacon.close();
});
