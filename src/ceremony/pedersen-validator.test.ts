import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PairingCurve, SecretKey } from "../crypto/index.ts";
import {
  BUNDLE_DOMAIN,
  digestOfResponses,
  type KeyOfValidator,
  type PedersenSession,
  sessionId,
} from "../dkg/index.ts";
import { silent } from "../ports/index.ts";
import { BundleSignatures } from "./bundle-signatures.ts";
import type { CeremonyError } from "./errors.ts";
import type { KeyMakerNeeds } from "./key-makers.ts";
import { PedersenInbox } from "./pedersen-inbox.ts";
import { PedersenValidator } from "./pedersen-validator.ts";
import { seededEntropy } from "./seeded-entropy.ts";
import { LoopbackNetwork } from "./testing/loopback.ts";
import { session as definitionHash, mailMember, operator } from "./testing/members.ts";
import { quickClock } from "./testing/quick-clock.ts";
import { PedersenJustificationBundle, PedersenResponseBundle } from "./wire.ts";

// What a kyber does that finds a share bad or missing: it complains and shows no evidence, and the dealer shows the share.
// Method: four operators make one key in this process; operator 0 says on the wire that dealer 1's share is bad.
const curve = await PairingCurve.load();
const tools = { curve, signatures: curve.signatures(BUNDLE_DOMAIN) };
const secrets = [11n, 12n, 13n, 14n].map((scalar) => SecretKey.fromScalar(scalar));
const nodes = secrets.map((key, index) => ({ operator: operator(index), index, publicKey: key.publicKey() }));
const session: PedersenSession = { id: sessionId(nodes, 0), dealers: nodes, receivers: nodes, threshold: 3 };

function complain(message: Uint8Array): Uint8Array {
  const answer = PedersenResponseBundle.decode(message);
  const responses = answer.responses.map((one) => (one.dealerIndex === 1 ? { ...one, status: false } : one));
  const signature = tools.signatures.sign(
    secrets[0] as SecretKey,
    digestOfResponses({ ...answer, responses }),
  );
  return PedersenResponseBundle.encode({ ...answer, responses, signature });
}

/** How it ends for each operator, when what dealer 1 says for itself is changed. */
async function endsOf(
  t: TestContext,
  justification: (message: Uint8Array) => Uint8Array | "drop" | undefined,
  speed = 1,
): Promise<readonly (KeyOfValidator | CeremonyError)[]> {
  const network = new LoopbackNetwork(4);
  network.intercept = ({ from, protocol, message }) => {
    if (from === 0 && protocol.endsWith("resp_bundle")) return complain(message);
    return protocol.endsWith("just_bundle") ? justification(message) : undefined;
  };
  const members = secrets.map((key, i) => ({ key, ...mailMember(network, i) }));
  const stop = new AbortController();
  t.after(() => {
    stop.abort(new Error("over"));
    for (const { kill } of members) kill();
  });
  return await Promise.all(
    members.map(async ({ key, node: { transport }, post, mailbox }, i) => {
      const definition = { definitionHash, numValidators: 1, threshold: 3 } as KeyMakerNeeds["definition"];
      const needs = { definition, transport, post, mailbox, clock: quickClock(speed), log: silent };
      const inbox = new PedersenInbox(needs);
      const waiting = AbortSignal.any([stop.signal, inbox.lie]);
      const signatures = new BundleSignatures(tools.signatures, waiting);
      const self = { operator: operator(i), key };
      const all = { ...needs, tools, self, signatures, sending: stop.signal, waiting };
      const entropy = seededEntropy(new Uint8Array(32).fill(i), "test");
      const making = new PedersenValidator(all, session, 0, entropy).make();
      return await making.catch((error: unknown) => {
        stop.abort(error); // As it would end the ceremony for the others too.
        return error as CeremonyError;
      });
    }),
  );
}

test("a complaint without evidence is answered with the share, and all go on to one key", async (t) => {
  const shown: Uint8Array[] = [];
  const ends = await endsOf(t, (message) => {
    shown.push(message);
    return undefined;
  });
  const keys = ends.map((end) => {
    assert.ok("groupKey" in end, end instanceof Error ? end.message : "no key");
    return end;
  });
  for (const { groupKey } of keys) assert.deepEqual(groupKey, keys[0]?.groupKey);
  const [{ dealerIndex, justifications }] = shown.map((one) => PedersenJustificationBundle.decode(one)) as [
    ReturnType<typeof PedersenJustificationBundle.decode>,
  ];
  assert.equal(dealerIndex, 1);
  assert.deepEqual(
    justifications.map(({ shareIndex }) => shareIndex),
    [0],
    "only the share that was asked for",
  );
});

test("a dealer that shows a bad share, or another one than was asked for, is named", async (t) => {
  interface Shown {
    readonly shareIndex: number;
    readonly share: Uint8Array;
  }
  const changes = [
    (one: Shown) => ({ ...one, share: one.share.with(31, 1 ^ (one.share[31] as number)) }),
    (one: Shown) => ({ ...one, shareIndex: 2 }),
  ];
  for (const change of changes) {
    const ends = await endsOf(t, (message) => {
      const bundle = PedersenJustificationBundle.decode(message);
      const justifications = bundle.justifications.map(change);
      return PedersenJustificationBundle.encode({ ...bundle, justifications });
    });
    for (const end of ends) {
      assert.ok(end instanceof Error);
      assert.match(end.message, /operator 1 could not show a good share for operator 0/);
    }
  }
});

test("a dealer that does not answer a complaint ends it, and both are named", async (t) => {
  const ends = await endsOf(t, () => "drop", 400);
  for (const end of ends) {
    assert.ok(end instanceof Error);
    assert.match(end.message, /operator 1 has not answered the complaint of operators 0/);
  }
});
