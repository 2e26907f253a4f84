import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { routes } from "./api/router.ts";
import { testChain } from "./testing/test-world.ts";

// Goal: no request, however wrong, gets anything but a proper answer or a 4xx with its reason.
// Method: every route with arbitrary ids, queries and bodies, also such as look almost right.

const texts = fc.oneof(
  fc.constantFrom("head", "genesis", "finalized", "0", "1", "-1", "1e3", "18446744073709551615", "NaN", "0x"),
  fc.constantFrom(`0x${"00".repeat(32)}`, `0x${"ff".repeat(48)}`, "99999999999999999999", "%E0%A4%A", "é"),
  fc.string(),
);
const almost = {
  slot: "1",
  index: "0",
  beacon_block_root: `0x${"00".repeat(32)}`,
  source: { epoch: "0", root: `0x${"00".repeat(32)}` },
  target: { epoch: "18446744073709551615", root: `0x${"00".repeat(32)}` },
};
const signature = `0x${"c0".padEnd(192, "0")}`;
const bodies = fc.oneof(
  fc.json(),
  fc.constant(JSON.stringify([{ committee_index: "0", attester_index: "0", data: almost, signature }])),
  fc.constant(
    JSON.stringify([
      { slot: "1e9", beacon_block_root: almost.beacon_block_root, validator_index: "0", signature },
    ]),
  ),
  fc.constant(JSON.stringify({ message: { epoch: "-1", validator_index: "0" }, signature })),
  fc.constant(JSON.stringify([{ validator_index: "0", fee_recipient: "0x12" }, null])),
  fc.constant(JSON.stringify(Array.from({ length: 5000 }, () => "1"))),
  fc.constant("{"),
);

test("every route answers nonsense with a 4xx and its reason", async () => {
  const live = await testChain({ otherValidators: 4 });
  live.moveTo(5);
  const plain = routes.filter(({ path }) => path !== "/eth/v1/events");
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...plain), texts, texts, bodies, async (route, id, value, body) => {
      const path = route.path.replaceAll(/:[a-z]+/g, () => encodeURIComponent(id) || "x");
      const query = `?slot=${encodeURIComponent(value)}&id=${encodeURIComponent(value)}&epoch=${encodeURIComponent(value)}&randao_reveal=${signature}`;
      const request =
        route.method === "GET"
          ? new Request(`http://chain${path}${query}`)
          : new Request(`http://chain${path}`, {
              method: "POST",
              headers: { "content-type": "application/json", "eth-consensus-version": "fulu" },
              body,
            });
      const response = await live.chain.handle(request);
      assert.ok(
        response.status < 500 || response.status === 501,
        `${response.status} ${await response.clone().text()}`,
      );
      if (response.status >= 400) {
        const answer = (await response.json()) as { code: number; message: string };
        assert.equal(answer.code, response.status);
        assert.notEqual(answer.message, "");
      }
    }),
    { numRuns: 400 },
  );
  assert.equal((await live.get("/eth/v1/node/version")).status, 200);
});

test("blocks of random bytes and of cut-off bytes are refused", async () => {
  const live = await testChain();
  live.moveTo(1);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
      const answer = await live.post("/eth/v2/beacon/blocks", bytes, {
        "content-type": "application/octet-stream",
      });
      assert.equal(answer.status, 400);
    }),
    { numRuns: 100 },
  );
});

test("a body beyond the cap is refused before it is read as JSON", async () => {
  const live = await testChain();
  const answer = await live.post(
    "/eth/v1/validator/prepare_beacon_proposer",
    new Uint8Array(17 * 1024 * 1024),
  );

  assert.equal(answer.status, 413);
});
