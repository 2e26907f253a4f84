import assert from "node:assert/strict";
import { test } from "node:test";
import { apiWorld } from "./testing/api-world.ts";

const headOf = (slot: number, previous: string, current: string) =>
  ({
    kind: "head",
    slot,
    block: `0x${"bb".repeat(32)}`,
    epochTransition: false,
    previousDutyDependentRoot: `0x${previous.repeat(32)}`,
    currentDutyDependentRoot: `0x${current.repeat(32)}`,
  }) as const;

test("validators are found by the client's public share and carry it in place of the group key", async () => {
  const world = await apiWorld();
  const { body } = await world.get(`/eth/v1/beacon/states/head/validators?id=${world.shares.join(",")}`);
  assert.deepEqual(
    body.data.map((item: { validator: { pubkey: string } }) => item.validator.pubkey),
    world.shares,
  );
  const one = await world.get(`/eth/v1/beacon/states/head/validators/${world.shares[2]}`);
  assert.equal(one.body.data.index, "2");
  assert.equal(one.body.data.validator.pubkey, world.shares[2]);
  const posted = await world.post("/eth/v1/beacon/states/head/validators", {
    ids: [world.shares[3], "1"],
    statuses: ["active"],
  });
  assert.deepEqual(
    posted.body.data.map((item: { index: string }) => item.index),
    ["3", "1"],
  );
});

test("a client that asks for all validators gets the cluster's, and the beacon node is not asked for its million", async () => {
  const world = await apiWorld({ otherValidators: 8 });
  for (const answer of [
    await world.get("/eth/v1/beacon/states/head/validators"),
    await world.post("/eth/v1/beacon/states/head/validators", {}),
    await world.send(new Request("http://api/eth/v1/beacon/states/head/validators", { method: "POST" })),
  ])
    assert.equal(answer.body.data.length, 4);
});

test("a key share of another operator is refused with both operators' names", async () => {
  const world = await apiWorld({ self: 1 });
  const { status, body } = await world.get(`/eth/v1/beacon/states/head/validators?id=${world.shareOf(0, 3)}`);
  assert.equal(status, 400);
  assert.match(body.message, /share 4, of operator 3, and this node is operator 1 \(share 2\)/);
});

test("validators of other states come from the beacon node, by the client's names", async () => {
  const world = await apiWorld();
  const { body } = await world.post("/eth/v1/beacon/states/genesis/validators", { ids: [world.shares[1]] });
  assert.deepEqual(
    body.data.map((item: { validator: { pubkey: string } }) => item.validator.pubkey),
    [world.shares[1]],
  );
  assert.deepEqual(world.asked, ["POST /eth/v1/beacon/states/genesis/validators"]);
});

test("duties carry public shares, and other proposers keep their keys", async () => {
  const world = await apiWorld({ otherValidators: 8 });
  const attesters = await world.post("/eth/v1/validator/duties/attester/0", ["0", "1", "2", "3", "7"]);
  assert.deepEqual(
    attesters.body.data.map((duty: { pubkey: string }) => duty.pubkey),
    world.shares,
  );
  assert.match(attesters.body.dependent_root, /^0x[0-9a-f]{64}$/);
  for (const path of ["/eth/v1/validator/duties/proposer/0", "/eth/v2/validator/duties/proposer/0"]) {
    const { status, body } = await world.get(path);
    if (status === 404) continue; // The simulated chain may not have the newer one.
    for (const duty of body.data as { pubkey: string; validator_index: string }[]) {
      const index = Number(duty.validator_index);
      if (index < 4) assert.equal(duty.pubkey, world.shares[index]);
      else assert.ok(!world.shares.includes(duty.pubkey as `0x${string}`));
    }
  }
  const sync = await world.post("/eth/v1/validator/duties/sync/0", ["0", "1"]);
  for (const duty of sync.body.data as { pubkey: string }[])
    assert.ok(world.shares.includes(duty.pubkey as `0x${string}`));
});

test("an epoch of a client with 3 000 validators costs the beacon node one request per kind", async () => {
  const world = await apiWorld({ count: 3_000, committeesPerSlot: 4 });
  const indices = world.shares.map((_, i) => String(i));
  for (let again = 0; again < 5; again++) {
    await world.post("/eth/v1/beacon/states/head/validators", { ids: world.shares });
    await world.post("/eth/v1/validator/duties/attester/0", indices.slice(again * 100, again * 100 + 500));
    await world.post("/eth/v1/validator/duties/attester/1", indices);
    await world.post("/eth/v1/validator/duties/sync/0", indices);
    await world.get("/eth/v1/validator/duties/proposer/0");
    await world.get("/eth/v1/config/spec");
    await world.get("/eth/v1/beacon/genesis");
  }
  assert.equal(world.asked.length, 7, world.asked.join("\n"));
});

test("requests that come at the same time share one question to the beacon node", async () => {
  const world = await apiWorld();
  await Promise.all(
    Array.from({ length: 50 }, () => world.post("/eth/v1/validator/duties/attester/0", ["0", "1"])),
  );
  assert.deepEqual(world.asked.toSorted(), [
    "POST /eth/v1/beacon/states/head/validators",
    "POST /eth/v1/validator/duties/attester/0",
  ]);
});

test("duties are asked again when their dependent root changes, and not before", async () => {
  const world = await apiWorld();
  const ask = () => world.post("/eth/v1/validator/duties/attester/1", ["0"]);
  const askedTimes = () => world.asked.filter((line) => line.includes("duties/attester/1")).length;
  world.event(headOf(0, "01", "02"));
  await ask();
  world.event(headOf(1, "01", "02"));
  world.event(headOf(4, "02", "03")); // The next epoch, as foretold.
  await ask();
  assert.equal(askedTimes(), 1);
  world.event(headOf(5, "02", "04")); // A reorganisation behind the dependent root.
  await ask();
  assert.equal(askedTimes(), 2);
  world.event(headOf(8, "05", "06")); // One that came with the epoch.
  await ask();
  assert.equal(askedTimes(), 3);
});

test("a failed question is asked again by the next client, with the beacon node's own reason before", async () => {
  let fail = true;
  const world = await apiWorld({
    forward: (request) =>
      fail && request.path.includes("duties")
        ? Promise.resolve(
            new Response(JSON.stringify({ code: 503, message: "syncing to head" }), {
              status: 503,
              headers: { "content-type": "application/json" },
            }),
          )
        : undefined,
  });
  const failed = await world.post("/eth/v1/validator/duties/attester/0", ["0"]);
  assert.equal(failed.status, 503);
  assert.match(failed.body.message, /syncing to head/);
  fail = false;
  assert.equal((await world.post("/eth/v1/validator/duties/attester/0", ["0"])).status, 200);
});

test("balances and identities are asked by group key and answered by public share", async () => {
  const bodies: unknown[] = [];
  const world = await apiWorld({
    forward: (request) => {
      if (!request.path.includes("validator_")) return undefined;
      bodies.push(request.path.split("?")[1] ?? JSON.parse(Buffer.from(request.body ?? []).toString()));
      const data = [{ index: "0", pubkey: world.groupKeys[0], activation_epoch: "0" }];
      return Promise.resolve(Response.json({ data }));
    },
  });
  const path = "/eth/v1/beacon/states/head/";
  const answer = await world.post(`${path}validator_identities`, [world.shares[0], "3"]);
  assert.equal(answer.body.data[0].pubkey, world.shares[0]);
  await world.get(`${path}validator_balances?id=${world.shares[1]}`);
  assert.deepEqual(bodies, [[world.groupKeys[0], "3"], `id=${world.groupKeys[1]}`]);
});
