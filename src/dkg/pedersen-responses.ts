import { equalBytes } from "../base/index.ts";
import {
  bytesToScalar,
  CURVE_ORDER,
  hashToScalar,
  isPublicKey,
  modOrder,
  openWith,
  randomScalar,
  scalarToBytes,
  sharedPoint,
} from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { isLie, type Lie, timesGenerator } from "./key.ts";
import {
  type Dealing,
  encryptedFor,
  isShareOf,
  isTwoFaced,
  nodeOf,
  type OpenedDeals,
  type PedersenSelf,
  readDeals,
  twoFaced,
} from "./pedersen.ts";
import {
  type DealBundle,
  digestOfDeals,
  digestOfJustifications,
  digestOfResponses,
  type JustificationBundle,
  lieOf,
  type PedersenNode,
  type PedersenSession,
  type PedersenTools,
  type ResponseBundle,
} from "./pedersen-bundles.ts";

// The second and third phase: who got a bad share says so, and the dealer has to show that share to everybody. kyber stops
// there, and cannot tell a bad dealer that then shows a good share from a receiver that complains for nothing. Therefore our
// complaints come with evidence: the deal itself and the point that opens it, proved to be the right one. Anybody can look.

/** Why a share was refused. It opens that one share to everybody, and the ceremony ends by it. */
export interface Evidence {
  /** As the complaining operator got it. */
  readonly deal: DealBundle;
  /** The point that opens it, 48 bytes. */
  readonly shared: Uint8Array;
  /** That it is the right one: the discrete logarithms of it and of the receiver's key are equal. 32 bytes each. */
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
}

/** A response with what backs its complaints; kyber's operators send none. */
export interface Answer extends ResponseBundle {
  readonly evidence: readonly Evidence[];
}

/** A complaint without evidence. */
export interface Complaint {
  readonly accuser: PedersenNode;
  readonly dealer: PedersenNode;
}

const PROOF_DOMAIN = "TRIREME_PEDERSEN_COMPLAINT_SHA-256_";

/** @param entropy - Gives that many unpredictable bytes; used when there is something to complain about. */
export function respond(
  session: PedersenSession,
  self: PedersenSelf,
  tools: PedersenTools,
  opened: OpenedDeals,
  received: ReadonlyMap<OperatorIndex, DealBundle>,
  entropy: (bytes: number) => Uint8Array,
): Answer {
  const us = nodeOf(session.receivers, self.operator);
  const bundle = {
    shareIndex: us.index,
    responses: session.dealers.map(({ operator, index }) => ({
      dealerIndex: index,
      status: !opened.refused.has(operator),
    })),
    sessionId: session.id,
  };
  const evidence = [...opened.refused].map((dealer) =>
    evidenceOf(session, self, tools, received.get(dealer) as DealBundle, entropy),
  );
  return {
    ...bundle,
    signature: tools.signatures.sign(self.key, digestOfResponses(bundle)),
    evidence,
  };
}

/**
 * Checks everybody's responses, but for their signatures, and looks at all evidence.
 *
 * @param answers - By receiver, exactly all of them.
 * @returns Complaints that nothing backs, each of which the dealer may justify.
 */
export function judgeResponses(
  session: PedersenSession,
  tools: PedersenTools,
  received: ReadonlyMap<OperatorIndex, DealBundle>,
  answers: ReadonlyMap<OperatorIndex, Answer>,
): readonly Complaint[] | Lie {
  const complaints: Complaint[] = [];
  for (const accuser of session.receivers) {
    const answer = answers.get(accuser.operator) as Answer;
    const lie = (what: string): Lie => lieOf(accuser, what);
    if (answer.shareIndex !== accuser.index) return lie(`responded under the number ${answer.shareIndex}`);
    if (!equalBytes(answer.sessionId, session.id)) return lie("responded in another session");
    const named = answer.responses.map(({ dealerIndex }) => dealerIndex);
    if (new Set(named).size !== named.length) return lie("responded twice about a dealer");
    if (named.some((index) => !session.dealers.some((dealer) => dealer.index === index)))
      return lie("responded about somebody who does not deal");
    for (const dealer of session.dealers) {
      // Of a dealer that it thinks to have cheated openly, kyber says nothing.
      if (answer.responses.find(({ dealerIndex }) => dealerIndex === dealer.index)?.status === true) continue;
      if (dealer.operator === accuser.operator) return lie("refused its own share");
      const evidence = answer.evidence.find(({ deal }) => deal.dealerIndex === dealer.index);
      if (evidence === undefined) complaints.push({ accuser, dealer });
      else return judge(session, tools, { accuser, dealer }, evidence, received);
    }
  }
  return complaints;
}

/** As a dealer: shows the shares of those who complained. They know them already, and are the only ones. */
export function justify(
  session: PedersenSession,
  self: PedersenSelf,
  { signatures }: PedersenTools,
  dealing: Dealing,
  accusers: readonly PedersenNode[],
): JustificationBundle {
  const bundle = {
    dealerIndex: nodeOf(session.dealers, self.operator).index,
    justifications: accusers.map((accuser) => ({
      shareIndex: accuser.index,
      share: dealing.shareFor(accuser),
    })),
    sessionId: session.id,
  };
  return { ...bundle, signature: signatures.sign(self.key, digestOfJustifications(bundle)) };
}

/** Whether a dealer has shown a good share for each complaint about it. The signature is not looked at. */
export function judgeJustification(
  session: PedersenSession,
  opened: OpenedDeals,
  dealer: PedersenNode,
  accusers: readonly PedersenNode[],
  bundle: JustificationBundle,
): Lie | undefined {
  const polynomial = opened.polynomials.get(dealer.operator);
  if (bundle.dealerIndex !== dealer.index)
    return lieOf(dealer, `justified itself under the number ${bundle.dealerIndex}`);
  if (!equalBytes(bundle.sessionId, session.id)) return lieOf(dealer, "justified itself in another session");
  for (const accuser of accusers) {
    const shown = bundle.justifications.find(({ shareIndex }) => shareIndex === accuser.index);
    if (shown === undefined || polynomial === undefined || !isShareOf(polynomial, accuser, shown.share))
      return lieOf(dealer, `could not show a good share for operator ${accuser.operator}, which complained`);
  }
  return undefined;
}

function evidenceOf(
  session: PedersenSession,
  { operator, key }: PedersenSelf,
  { curve }: PedersenTools,
  deal: DealBundle,
  entropy: (bytes: number) => Uint8Array,
): Evidence {
  const us = nodeOf(session.receivers, operator);
  const point = sharedPoint(curve, encryptedFor(deal, us), key);
  if (point === undefined) throw new TypeError("a deal that was read begins with a point");
  const { ephemeral, shared } = point;
  const nonce = randomScalar(entropy);
  const challenge = challengeOf(session, us, { ephemeral, shared }, [
    timesGenerator(nonce),
    curve.multiply(ephemeral, nonce),
  ]);
  const response = modOrder(nonce + challenge * key.revealScalar());
  return { deal, shared, challenge: scalarToBytes(challenge), response: scalarToBytes(response) };
}

/** One of the two has lied, and this says which. */
function judge(
  session: PedersenSession,
  tools: PedersenTools,
  { accuser, dealer }: Complaint,
  evidence: Evidence,
  received: ReadonlyMap<OperatorIndex, DealBundle>,
): Lie {
  const { deal, shared } = evidence;
  const own = received.get(dealer.operator) as DealBundle;
  if (!equalBytes(digestOfDeals(deal), digestOfDeals(own)))
    return isTwoFaced(session, dealer, tools, [own, deal])
      ? twoFaced(dealer)
      : lieOf(accuser, `accused operator ${dealer.operator} of a deal that it has not made`);
  const polynomial = readDeals(session, dealer, deal);
  if (isLie(polynomial)) return polynomial;
  const encrypted = encryptedFor(deal, accuser);
  if (!isProved(session, tools, accuser, evidence, encrypted.subarray(0, 48)))
    return lieOf(accuser, `accused operator ${dealer.operator} with evidence that proves nothing`);
  const share = openWith(shared, encrypted);
  return share !== undefined && isShareOf(polynomial, accuser, share)
    ? lieOf(accuser, `accused operator ${dealer.operator} of a bad share, and the share is good`)
    : lieOf(dealer, `dealt operator ${accuser.operator} a share that does not fit its commitments`);
}

/** Chaum and Pedersen, "Wallet databases with observers" (1992), section 3.2, made non-interactive. */
function isProved(
  session: PedersenSession,
  { curve }: PedersenTools,
  accuser: PedersenNode,
  evidence: Evidence,
  ephemeral: Uint8Array,
): boolean {
  const [challenge, response] = [bytesToScalar(evidence.challenge), bytesToScalar(evidence.response)];
  const { shared } = evidence;
  if (evidence.challenge.length !== 32 || evidence.response.length !== 32) return false;
  if ([challenge, response].some((scalar) => scalar === 0n || scalar >= CURVE_ORDER)) return false;
  if (!isPublicKey(shared)) return false;
  const commitments = [
    curve.difference(
      { point: timesGenerator(1n), by: response },
      { point: accuser.publicKey, by: challenge },
    ),
    curve.difference({ point: ephemeral, by: response }, { point: shared, by: challenge }),
  ];
  const [first, second] = commitments;
  if (first === undefined || second === undefined) return false;
  return challengeOf(session, accuser, { ephemeral, shared }, [first, second]) === challenge;
}

function challengeOf(
  session: PedersenSession,
  { publicKey }: PedersenNode,
  { ephemeral, shared }: { readonly ephemeral: Uint8Array; readonly shared: Uint8Array },
  commitments: readonly Uint8Array[],
): bigint {
  return hashToScalar(PROOF_DOMAIN, session.id, publicKey, ephemeral, shared, ...commitments);
}
