import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CeremonyError } from "./errors.ts";
import type { LoopbackNetwork } from "./testing/loopback.ts";
import { Operators } from "./testing/operators.ts";
import { PedersenDealBundle, PedersenResponseBundle, ValidatorPubKeyShareMessage } from "./wire.ts";

// Method: four operators hold a Pedersen ceremony in this process; what operator 3 sends is changed on its way.
const liar = 3;
type Sent = Parameters<LoopbackNetwork["intercept"]>[0];

/** How the ceremony ends for the three others. */
async function endsOf(
  t: TestContext,
  validators: number,
  intercept: LoopbackNetwork["intercept"],
): Promise<readonly CeremonyError[]> {
  const all = new Operators({ operators: 4, validators, algorithm: "pedersen" });
  t.after(() => all.end());
  all.network.intercept = (sent) => (sent.from === liar ? intercept(sent) : undefined);
  for (const i of all.keys.keys()) await all.start(i);
  const ends = await Promise.all([0, 1, 2].map((i) => all.running(i).over));
  for (const i of [0, 1, 2]) assert.deepEqual(all.published(i), [], "nothing usable is left");
  return ends as CeremonyError[];
}

/** Changes messages of one of the four protocols. */
function changing(
  part: string,
  change: (message: Uint8Array, sent: Sent) => Uint8Array | undefined,
): LoopbackNetwork["intercept"] {
  return (sent) => (sent.protocol.endsWith(part) ? change(sent.message, sent) : undefined);
}

const deals = (change: (bundle: ReturnType<typeof PedersenDealBundle.decode>) => object) =>
  changing("deal_bundle", (message) => {
    const bundle = PedersenDealBundle.decode(message);
    return PedersenDealBundle.encode({ ...bundle, ...change(bundle) });
  });
const responses = (change: (bundle: ReturnType<typeof PedersenResponseBundle.decode>) => object) =>
  changing("resp_bundle", (message) => {
    const bundle = PedersenResponseBundle.decode(message);
    return PedersenResponseBundle.encode({ ...bundle, ...change(bundle) });
  });
const announcements = (change: object) =>
  changing("val_pubkey_share", (message) =>
    ValidatorPubKeyShareMessage.encode({ ...ValidatorPubKeyShareMessage.decode(message), ...change }),
  );

const lies: Readonly<Record<string, LoopbackNetwork["intercept"]>> = {
  "a deal of another session": deals(() => ({ sessionId: new Uint8Array(32) })),
  "a deal under another number": deals(() => ({ dealerIndex: 1 })),
  "a deal that is not signed": deals(({ signature }) => ({ signature: signature.toReversed() })),
  "a deal that was changed after it was signed": deals((bundle) => ({
    deals: bundle.deals.map((one) => ({ ...one, encryptedShare: one.encryptedShare.with(70, 1) })),
  })),
  "a deal that nobody can read": changing("deal_bundle", () => Uint8Array.of(255, 255)),
  "a response under another number": responses(() => ({ shareIndex: 0 })),
  "a response that is not signed": responses(({ signature }) => ({ signature: signature.toReversed() })),
  "a public share of another ceremony": announcements({ sessionId: new Uint8Array(32) }),
  "a public share of no validator": announcements({ validator: 9 }),
  "another public share": announcements({ publicKeyShare: new Uint8Array(48) }),
  "a claim to have been dealt something else": announcements({ dealt: new Uint8Array(32) }),
};
for (const [name, intercept] of Object.entries(lies))
  test(`${name} ends the ceremony everywhere, and its author is named`, async (t) => {
    for (const error of await endsOf(t, 1, intercept)) {
      assert.match(error.message, /operator 3/);
      assert.ok(["ceremony/lied", "ceremony/failed"].includes(error.code), error.code);
    }
  });

test("a deal that comes a second time and is another one is a lie of its author", async (t) => {
  const all = new Operators({ operators: 4, validators: 1, algorithm: "pedersen" });
  t.after(() => all.end());
  for (const i of [0, 1, 2]) await all.start(i);
  const dealt: Promise<Sent> = new Promise((resolve) => {
    all.network.intercept = (sent) => {
      if (sent.from === liar && sent.protocol.endsWith("deal_bundle") && sent.to === 0) resolve(sent);
      if (sent.from === 0 && sent.protocol.endsWith("resp_bundle")) return "drop"; // So that it is not over too soon.
      return undefined;
    };
  });
  await all.start(liar);
  const { protocol, message } = await dealt;
  const other = PedersenDealBundle.encode({
    ...PedersenDealBundle.decode(message),
    signature: new Uint8Array(96),
  });
  const { transport } = all.running(liar).node;
  await transport.request(0 as never, protocol, message).catch(() => {});
  await transport.request(0 as never, protocol, other).catch(() => {});
  const error = (await all.running(0).over) as CeremonyError;
  assert.equal(error.code, "ceremony/lied");
  assert.match(error.message, /operator 3 has sent two different messages deal_bundle/);
});
