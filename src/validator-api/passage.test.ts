import assert from "node:assert/strict";
import { test } from "node:test";
import { apiWorld } from "./testing/api-world.ts";

const answered = async (): Promise<Response> => new Response("{}");

test("a path in another spelling is refused, so that no rule for its plain form is passed by", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of [
    "/%65th/v1/validator/prepare_beacon_proposer",
    "//eth/v1/validator/prepare_beacon_proposer",
    "/eth/v1//validator/prepare_beacon_proposer",
    "/eth%2Fv1/validator/prepare_beacon_proposer",
    "/x%2F..%2Feth/v1/validator/prepare_beacon_proposer",
    "/eth/v2/beacon/pool/%61ttestations",
  ]) {
    const { status, body } = await world.post(path, []);
    assert.equal(status, 400, path);
    assert.match(body.message, /plain/);
  }
  assert.equal((await world.get("/eth/v1/node/%70eers")).status, 400);
  assert.deepEqual(world.asked, []);
});

test("of what is sent outside the beacon API only the known questions of clients are handed on", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of ["/ETH/v1/validator/prepare_beacon_proposer", "/eth", "/lighthouse/add_peer", "/x"])
    assert.equal((await world.post(path, [])).status, 501, path);
  assert.deepEqual(world.asked, []);
  const known = ["/prysm/validators/performance", "/nimbus/v1/timesync"];
  for (const path of known) assert.equal((await world.post(path, {})).status, 200, path);
  assert.deepEqual(
    world.asked,
    known.map((path) => `POST ${path}`),
  );
});

test("a body that does not say that it is JSON or SSZ is refused, as a web page's that asks nobody first", async () => {
  const world = await apiWorld({ forward: answered });
  for (const path of ["/eth/v1/validator/beacon_committee_subscriptions", "/eth/v2/beacon/pool/attestations"])
    for (const type of [undefined, "text/plain", "application/x-www-form-urlencoded"]) {
      const request = new Request(`http://api${path}`, { method: "POST", body: new Uint8Array([91, 93]) });
      request.headers.set("eth-consensus-version", "fulu");
      if (type !== undefined) request.headers.set("content-type", type);
      assert.equal((await world.send(request)).status, 415, `${path} ${type}`);
    }
  assert.deepEqual(world.asked, []);
  const subscriptions = "/eth/v1/validator/beacon_committee_subscriptions";
  for (const type of ["application/json", "application/json; charset=utf-8", "application/octet-stream"])
    assert.equal((await world.post(subscriptions, [], { "content-type": type })).status, 200, type);
});
