import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, toHex } from "../base/index.ts";
import { bytesToScalar, modOrder, PairingCurve, SecretKey, scalarToBytes } from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { isLie } from "./key.ts";
import { type Dealing, keyFrom, openDeals } from "./pedersen.ts";
import {
  BUNDLE_DOMAIN,
  type DealBundle,
  digestOfDeals,
  digestOfJustifications,
  digestOfResponses,
  type JustificationBundle,
  type PedersenNode,
  type PedersenSession,
  type PedersenTools,
  type ResponseBundle,
  sessionId,
  signedBy,
} from "./pedersen-bundles.ts";
import { judgeJustification, judgeResponses, respond } from "./pedersen-responses.ts";

const curve = await PairingCurve.load();
const tools: PedersenTools = { curve, signatures: curve.signatures(BUNDLE_DOMAIN) };

type Text<T> = T extends Uint8Array
  ? string
  : T extends readonly (infer Item)[]
    ? Text<Item>[]
    : T extends object
      ? { [K in keyof T]: Text<T[K]> }
      : T;
interface Transcript {
  readonly operators: number;
  readonly threshold: number;
  readonly iteration: number;
  readonly sessionId: string;
  readonly nodes: readonly { readonly secret: string; readonly publicKey: string }[];
  readonly deals: readonly (Text<DealBundle> & { readonly digest: string })[];
  readonly responses: readonly (Text<ResponseBundle> & { readonly digest: string })[];
  readonly justifications: readonly (Text<JustificationBundle> & { readonly digest: string })[];
  readonly keys: readonly { readonly groupKey: string; readonly share: string }[];
}

// Made with kyber v1.3.2 and kyber-bls12381 v0.3.4: two honest runs, and one whose last dealer mixed up two shares.
const transcripts = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/vectors/pedersen-kyber.json"), "utf8"),
  (_, value: unknown) => (typeof value === "string" ? fromHex(`0x${value}`) : value),
) as unknown as readonly Transcript[];
const bytes = (value: unknown): Uint8Array => value as Uint8Array;
const byOperator = <T>(items: readonly unknown[]): ReadonlyMap<OperatorIndex, T> =>
  new Map(items.map((item, i) => [i as OperatorIndex, item as T]));
const noEntropy = (): Uint8Array => assert.fail("nothing is drawn");

function sessionOf(transcript: Transcript): PedersenSession {
  const nodes = transcript.nodes.map(({ publicKey }, index) => ({
    operator: index as OperatorIndex,
    index,
    publicKey: bytes(publicKey),
  }));
  const { threshold, iteration } = transcript;
  return { id: sessionId(nodes, iteration), dealers: nodes, receivers: nodes, threshold };
}

/** Our own polynomial is not in a transcript. */
const standIn = (
  received: ReadonlyMap<OperatorIndex, DealBundle>,
  operator: OperatorIndex,
  share: bigint,
): Dealing => ({ bundle: received.get(operator) as DealBundle, shareFor: () => scalarToBytes(share) });

test("the session of a validator has kyber's and Charon's name", () => {
  for (const transcript of transcripts)
    assert.equal(toHex(sessionOf(transcript).id), toHex(bytes(transcript.sessionId)));
});

test("bundles of kyber have the digests that we compute, and signatures that we accept", () => {
  for (const transcript of transcripts) {
    const { dealers } = sessionOf(transcript);
    const batch = tools.signatures.batch();
    const check = (node: number, digest: Uint8Array, bundle: { digest: string; signature: string }): void => {
      assert.equal(toHex(digest), toHex(bytes(bundle.digest)));
      const signed = signedBy(dealers[node] as never, digest, { signature: bytes(bundle.signature) });
      batch.add(signed);
      if (node > 0) return;
      const own = SecretKey.fromBytes(bytes(transcript.nodes[node]?.secret));
      assert.equal(toHex(tools.signatures.sign(own, digest)), toHex(bytes(bundle.signature)));
    };
    for (const bundle of transcript.deals)
      check(bundle.dealerIndex, digestOfDeals(bundle as unknown as DealBundle), bundle);
    for (const bundle of transcript.responses)
      check(bundle.shareIndex, digestOfResponses(bundle as unknown as ResponseBundle), bundle);
    for (const bundle of transcript.justifications)
      check(bundle.dealerIndex, digestOfJustifications(bundle as unknown as JustificationBundle), bundle);
    assert.deepEqual(batch.wrong(), []);
  }
});

test("the deals of kyber give the keys that kyber made of them, and its responses name who complained", () => {
  for (const transcript of transcripts) {
    const session = sessionOf(transcript);
    const received = byOperator<DealBundle>(transcript.deals);
    const last = transcript.operators - 1;
    for (const { operator, index } of session.receivers) {
      // What the key leaves over must be our own share.
      const self = { operator, key: SecretKey.fromBytes(bytes(transcript.nodes[index]?.secret)) };
      const without = openDeals(session, self, tools, received, standIn(received, operator, 1n));
      assert.ok(!isLie(without));
      const isMixedUp = transcript.justifications.length > 0 && index < 2;
      assert.deepEqual([...without.refused], isMixedUp ? [operator, last] : [operator]);
      const sum = [...without.shares.values()].reduce((a, b) => modOrder(a + b), 0n);
      const shown = transcript.justifications.flatMap(({ justifications }) =>
        justifications.filter(({ shareIndex }) => shareIndex === index).map(({ share }) => bytes(share)),
      );
      const justified = shown.reduce((a, b) => modOrder(a + bytesToScalar(b)), 0n);
      const share = bytesToScalar(bytes(transcript.keys[index]?.share));
      const own = standIn(received, operator, modOrder(share - sum - justified));
      const opened = openDeals(session, self, tools, received, own);
      assert.ok(!isLie(opened) && !opened.refused.has(operator), "what is left over is our own share");
      if (!isMixedUp) {
        const key = keyFrom(session, opened);
        assert.equal(toHex(key.groupKey), toHex(bytes(transcript.keys[index]?.groupKey)));
        assert.equal(toHex(key.secret.revealBytes()), toHex(bytes(transcript.keys[index]?.share)));
        assert.equal(toHex(key.publicShares[index] as Uint8Array), toHex(key.secret.publicKey()));
        const answer = respond(session, self, tools, opened, received, noEntropy);
        assert.equal(toHex(answer.signature), toHex(bytes(transcript.responses[index]?.signature)));
      }
    }
    const answers = transcript.responses.map((response) => ({ ...response, evidence: [] }));
    const complaints = judgeResponses(session, tools, received, byOperator(answers));
    assert.ok(!isLie(complaints));
    const expected = transcript.justifications.length === 0 ? [] : [0, 1];
    assert.deepEqual(
      complaints.map(({ accuser, dealer }) => [accuser.index, dealer.index]),
      expected.map((accuser) => [accuser, last]),
    );
    for (const bundle of transcript.justifications) {
      const self = {
        operator: 2 as OperatorIndex,
        key: SecretKey.fromBytes(bytes(transcript.nodes[2]?.secret)),
      };
      const opened = openDeals(session, self, tools, received, standIn(received, self.operator, 1n));
      assert.ok(!isLie(opened));
      const dealer = session.dealers[bundle.dealerIndex] as PedersenNode;
      const accusers: readonly PedersenNode[] = complaints.map(({ accuser }) => accuser);
      const good = bundle as unknown as JustificationBundle;
      assert.equal(judgeJustification(session, opened, dealer, accusers, good), undefined);
      const bad = { ...good, justifications: good.justifications.slice(1) };
      assert.equal(judgeJustification(session, opened, dealer, accusers, bad)?.liar, last + 1);
    }
  }
});
