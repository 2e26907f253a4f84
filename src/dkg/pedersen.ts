import { equalBytes } from "../base/index.ts";
import {
  bytesToScalar,
  CommittedPolynomial,
  encryptTo,
  isPublicKey,
  modOrder,
  openWith,
  randomScalar,
  SecretKey,
  scalarToBytes,
  sha256,
  sharedPoint,
} from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { isLie, type KeyOfValidator, type Lie, publicOf, timesGenerator, valueAt } from "./key.ts";
import {
  type DealBundle,
  digestOfDeals,
  lieOf,
  type PedersenNode,
  type PedersenSession,
  type PedersenTools,
  signedBy,
} from "./pedersen-bundles.ts";

// Pedersen's key generation (Gennaro, Jarecki, Krawczyk, Rabin, "Secure Distributed Key Generation for Discrete-Log Based
// Cryptosystems", figure 2) as kyber runs it: every dealer deals a polynomial, receivers answer whether their shares are good
// (pedersen-responses.ts), and the key is the sum of what was dealt. One session is one validator.

/** An operator with its secret of this ceremony. */
export interface PedersenSelf {
  readonly operator: OperatorIndex;
  readonly key: SecretKey;
}

/** What we dealt. It holds secrets and has no text form. */
export interface Dealing {
  readonly bundle: DealBundle;
  /** 32 bytes, big-endian. */
  shareFor(receiver: PedersenNode): Uint8Array;
}

/** What came of the deals of all dealers. */
export interface OpenedDeals {
  readonly polynomials: ReadonlyMap<OperatorIndex, CommittedPolynomial>;
  /** Good ones. */
  readonly shares: ReadonlyMap<OperatorIndex, bigint>;
  /** Dealers whose share for us is bad. */
  readonly refused: ReadonlySet<OperatorIndex>;
}

const ENCRYPTED_SHARE_BYTES = 96;

/**
 * Deals a random polynomial. The same entropy gives the same bundle, so that an interrupted ceremony goes on.
 *
 * @param entropy - Gives that many unpredictable bytes.
 * @param constant - In resharing the dealer's own share so far; random for a new key.
 */
export function deal(
  session: PedersenSession,
  self: PedersenSelf,
  tools: PedersenTools,
  entropy: (bytes: number) => Uint8Array,
  constant: bigint = randomScalar(entropy),
): Dealing {
  const dealer = nodeOf(session.dealers, self.operator);
  const coefficients = [
    constant,
    ...Array.from({ length: session.threshold - 1 }, () => randomScalar(entropy)),
  ];
  const shareFor = ({ index }: PedersenNode): Uint8Array => scalarToBytes(valueAt(coefficients, index + 1));
  const deals = recipientsOf(session, dealer).map((receiver) => {
    const share = shareFor(receiver);
    const ephemeral = SecretKey.fromScalar(randomScalar(entropy));
    const encryptedShare = encryptTo(tools.curve, receiver.publicKey, share, ephemeral);
    share.fill(0);
    return { shareIndex: receiver.index, encryptedShare };
  });
  const bundle = {
    dealerIndex: dealer.index,
    deals,
    public: coefficients.map(timesGenerator),
    sessionId: session.id,
  };
  return {
    bundle: { ...bundle, signature: tools.signatures.sign(self.key, digestOfDeals(bundle)) },
    shareFor,
  };
}

/**
 * Checks what every dealer sent, but for its signature, and opens the shares for us.
 *
 * @param received - By dealer, exactly all of them, ourselves included where we deal.
 */
export function openDeals(
  session: PedersenSession,
  self: PedersenSelf,
  tools: PedersenTools,
  received: ReadonlyMap<OperatorIndex, DealBundle>,
  own?: Dealing,
): OpenedDeals | Lie {
  const polynomials = new Map<OperatorIndex, CommittedPolynomial>();
  const shares = new Map<OperatorIndex, bigint>();
  const refused = new Set<OperatorIndex>();
  const us = session.receivers.find(({ operator }) => operator === self.operator);
  for (const dealer of session.dealers) {
    const bundle = received.get(dealer.operator) as DealBundle;
    const polynomial = readDeals(session, dealer, bundle);
    if (isLie(polynomial)) return polynomial;
    polynomials.set(dealer.operator, polynomial);
    if (us === undefined) continue;
    const share =
      dealer.operator === self.operator && own !== undefined
        ? own.shareFor(us)
        : openShare(tools, us, self.key, bundle);
    if (share !== undefined && isShareOf(polynomial, us, share))
      shares.set(dealer.operator, bytesToScalar(share));
    else refused.add(dealer.operator);
  }
  return { polynomials, shares, refused };
}

/** The polynomial that a bundle commits to; whatever is wrong with it is seen alike by everyone who gets it. */
export function readDeals(
  session: PedersenSession,
  dealer: PedersenNode,
  bundle: DealBundle,
): CommittedPolynomial | Lie {
  const lie = (what: string): Lie => lieOf(dealer, what);
  if (bundle.dealerIndex !== dealer.index) return lie(`dealt under the number ${bundle.dealerIndex}`);
  if (!equalBytes(bundle.sessionId, session.id)) return lie("dealt in another session");
  if (bundle.public.length !== session.threshold)
    return lie(`committed to ${bundle.public.length} coefficients in place of ${session.threshold}`);
  const polynomial = CommittedPolynomial.read(bundle.public);
  if (polynomial === undefined) return lie("committed to something that is no point of the group");
  const constant = session.constantOf?.(dealer);
  if (constant !== undefined && !equalBytes(constant, polynomial.at(0)))
    return lie("dealt something else than its share of the key");
  const wanted = recipientsOf(session, dealer).map(({ index }) => index);
  const dealt = bundle.deals.map(({ shareIndex }) => shareIndex).toSorted((a, b) => a - b);
  if (dealt.join() !== wanted.toSorted((a, b) => a - b).join())
    return lie("did not deal one share to each operator");
  for (const { shareIndex, encryptedShare } of bundle.deals)
    if (encryptedShare.length !== ENCRYPTED_SHARE_BYTES || !isPublicKey(encryptedShare.subarray(0, 48)))
      return lie(`dealt number ${shareIndex} something that nobody can open`);
  return polynomial;
}

/** Whether 32 bytes are the value that a polynomial commits to for a receiver. */
export function isShareOf(
  polynomial: CommittedPolynomial,
  receiver: PedersenNode,
  share: Uint8Array,
): boolean {
  const publicShare = publicOf(share);
  return publicShare !== undefined && equalBytes(polynomial.at(receiver.index + 1), publicShare);
}

/** The encrypted share of a receiver; its bundle was read. */
export const encryptedFor = (bundle: DealBundle, { index }: PedersenNode): Uint8Array =>
  bundle.deals.find(({ shareIndex }) => shareIndex === index)?.encryptedShare as Uint8Array;

/** The key that follows when every dealer's share is good: the sum of what they dealt. */
export function keyFrom(session: PedersenSession, { polynomials, shares }: OpenedDeals): KeyOfValidator {
  const dealers = session.dealers.map(({ operator }) => operator);
  const sum = CommittedPolynomial.sum(
    dealers.map((dealer) => polynomials.get(dealer) as CommittedPolynomial),
  );
  const secret = dealers.reduce((total, dealer) => modOrder(total + (shares.get(dealer) as bigint)), 0n);
  return {
    groupKey: sum.at(0),
    publicShares: session.receivers.map(({ index }) => sum.at(index + 1)),
    secret: SecretKey.fromScalar(secret),
  };
}

/** What we were dealt, in short: operators that have the same were told the same by every dealer. */
export function dealtDigest(
  session: PedersenSession,
  received: ReadonlyMap<OperatorIndex, DealBundle>,
): Uint8Array {
  return sha256(
    ...session.dealers.map(({ operator }) => digestOfDeals(received.get(operator) as DealBundle)),
  );
}

/** The dealer that told another operator something else than us, and signed it; undefined when nobody did. */
export function findTwoFaces(
  session: PedersenSession,
  tools: PedersenTools,
  ours: ReadonlyMap<OperatorIndex, DealBundle>,
  theirs: readonly DealBundle[],
): Lie | undefined {
  for (const dealer of session.dealers) {
    const own = ours.get(dealer.operator) as DealBundle;
    const other = theirs.find(({ dealerIndex }) => dealerIndex === dealer.index);
    if (other !== undefined && isTwoFaced(session, dealer, tools, [own, other])) return twoFaced(dealer);
  }
  return undefined;
}

export const twoFaced = (dealer: PedersenNode): Lie =>
  lieOf(dealer, "dealt one thing to one operator and another thing to another");

/** Whether a dealer has signed the second bundle for this session, and it is not the first. */
export function isTwoFaced(
  session: PedersenSession,
  dealer: PedersenNode,
  tools: PedersenTools,
  [own, other]: readonly [DealBundle, DealBundle],
): boolean {
  const digest = digestOfDeals(other);
  if (!equalBytes(other.sessionId, session.id) || equalBytes(digest, digestOfDeals(own))) return false;
  const batch = tools.signatures.batch();
  batch.add(signedBy(dealer, digest, other));
  return batch.wrong().length === 0;
}

function openShare(
  { curve }: PedersenTools,
  us: PedersenNode,
  key: SecretKey,
  bundle: DealBundle,
): Uint8Array | undefined {
  const encrypted = encryptedFor(bundle, us);
  const point = sharedPoint(curve, encrypted, key);
  return point === undefined ? undefined : openWith(point.shared, encrypted);
}

/** A dealer keeps its own share to itself. */
function recipientsOf({ receivers }: PedersenSession, dealer: PedersenNode): readonly PedersenNode[] {
  return receivers.filter(({ operator }) => operator !== dealer.operator);
}

export const nodeOf = (nodes: readonly PedersenNode[], operator: OperatorIndex): PedersenNode =>
  nodes.find((node) => node.operator === operator) as PedersenNode;
