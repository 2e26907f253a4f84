import { equalBytes, present } from "../base/index.ts";
import {
  bytesToScalar,
  CommittedPolynomial,
  hashToScalar,
  modOrder,
  type PointArithmetic,
  provesKnowledge,
  randomScalar,
  SecretKey,
  scalarToBytes,
} from "../crypto/index.ts";
import type { ShareIndex } from "../spec/index.ts";
import { isLie, isShare, type KeyOfValidator, type Lie, publicOf, timesGenerator, valueAt } from "./key.ts";

// FROST key generation (Komlo and Goldberg, "FROST: Flexible Round-Optimized Schnorr Threshold Signatures", figure 1), which is
// Pedersen's key generation by Feldman's verifiable sharing with a proof that each dealer knows what it deals. One call is
// one validator. The encodings are those of the library that Charon uses.

export interface FrostParams {
  readonly self: ShareIndex;
  readonly operatorCount: number;
  readonly threshold: number;
  /** For the dealers' proofs. */
  readonly curve: PointArithmetic;
}

/** What a dealer tells everybody in round 1. */
export interface FrostCast {
  /** Coefficients times the generator, constant term first; `threshold` points of 48 bytes. */
  readonly commitments: readonly Uint8Array[];
  /** The proof of knowledge of the constant term: response and challenge, 32 bytes each, big-endian. */
  readonly wi: Uint8Array;
  readonly ci: Uint8Array;
}

/** Our part after round 1. It holds secrets and has no text form. */
export interface FrostBegun {
  readonly cast: FrostCast;
  /** The polynomial at an operator's index, for that operator alone: 32 bytes, big-endian. */
  shareFor(to: ShareIndex): Uint8Array;
}

/** What each operator tells everybody in round 2. */
export interface FrostAnnouncement {
  /** 48 bytes. */
  readonly groupKey: Uint8Array;
  /** Its own public share, 48 bytes. */
  readonly publicShare: Uint8Array;
}

/** Under which names challenges are hashed; the context of a ceremony does not enter, its broadcast is signed for that. */
const HASH_DOMAIN = "BLS12381_XMD:SHA-256_SSWU_RO_";
const CONTEXT = 0;

/**
 * Round 1: deals a random polynomial. The same entropy gives the same polynomial, so that an interrupted ceremony goes on.
 *
 * @param entropy - Gives that many unpredictable bytes.
 */
export function begin({ self, threshold }: FrostParams, entropy: (bytes: number) => Uint8Array): FrostBegun {
  const coefficients = Array.from({ length: threshold }, () => randomScalar(entropy));
  const [constant = 0n] = coefficients;
  const nonce = randomScalar(entropy);
  const commitments = coefficients.map(timesGenerator);
  const challenge = challengeOf(self, commitments[0] as Uint8Array, timesGenerator(nonce));
  return {
    cast: {
      commitments,
      wi: scalarToBytes(modOrder(nonce + constant * challenge)),
      ci: scalarToBytes(challenge),
    },
    shareFor: (to) => scalarToBytes(valueAt(coefficients, to)),
  };
}

/**
 * The end of round 1: checks what every dealer sent and makes the key from it. Order of checks: of each dealer its points and
 * its proof, then our shares; dealers by index. Whether the points are in the subgroup, and whether our shares fit them, is asked
 * of the sums, and only where those are wrong of one dealer after the other. What cancels out in the sum does no harm to the key.
 *
 * @param received - By dealer, without ourselves; exactly all of them.
 */
export function finish(
  params: FrostParams,
  begun: FrostBegun,
  received: ReadonlyMap<ShareIndex, { readonly cast: FrostCast; readonly share: Uint8Array }>,
): KeyOfValidator | Lie {
  const { self, operatorCount } = params;
  const polynomials = [CommittedPolynomial.trusted(begun.cast.commitments)];
  const shares: {
    readonly dealer: ShareIndex;
    readonly share: Uint8Array;
    polynomial: CommittedPolynomial;
  }[] = [];
  for (const [dealer, { cast, share }] of [...received].toSorted(([a], [b]) => a - b)) {
    const polynomial = readCast(params, begun, dealer, cast);
    if (isLie(polynomial)) return polynomial;
    if (!isShare(share)) return badShare(dealer);
    polynomials.push(polynomial);
    shares.push({ dealer, share, polynomial });
  }
  const own = bytesToScalar(begun.shareFor(self));
  const secret = SecretKey.fromScalar(
    shares.reduce((sum, { share }) => modOrder(sum + bytesToScalar(share)), own),
  );
  const sum = CommittedPolynomial.sum(polynomials);
  if (!sum.isInGroup()) {
    const outside = shares.find(({ polynomial }) => !polynomial.isInGroup());
    if (outside !== undefined) return outsideGroup(outside.dealer);
  }
  const publicShares = Array.from({ length: operatorCount }, (_, i) => sum.at(i + 1));
  if (!equalBytes(secret.publicKey(), publicShares[self - 1] as Uint8Array)) {
    const bad = shares.find(
      ({ share, polynomial }) => !equalBytes(publicOf(share) ?? new Uint8Array(0), polynomial.at(self)),
    );
    return badShare(present(bad, "a share that does not fit").dealer);
  }
  return { groupKey: sum.at(0), publicShares, secret };
}

const outsideGroup = (dealer: ShareIndex): Lie => ({
  liar: dealer,
  what: "committed to something that is no point of the group",
});

const badShare = (dealer: ShareIndex): Lie => ({
  liar: dealer,
  what: "dealt us a share that does not fit its commitments",
});

/** What a dealer told everybody, as a polynomial that it knows. */
function readCast(
  { threshold, curve }: FrostParams,
  begun: FrostBegun,
  dealer: ShareIndex,
  cast: FrostCast,
): CommittedPolynomial | Lie {
  const lie = (what: string): Lie => ({ liar: dealer, what });
  if (cast.commitments.length !== threshold)
    return lie(`committed to ${cast.commitments.length} coefficients in place of ${threshold}`);
  const polynomial = CommittedPolynomial.readOnCurve(cast.commitments);
  if (polynomial === undefined) return outsideGroup(dealer);
  if (!isProved(dealer, cast, curve))
    return polynomial.isInGroup()
      ? lie("did not prove that it knows the secret it dealt")
      : outsideGroup(dealer);
  if (equalBytes(cast.commitments[0] as Uint8Array, begun.cast.commitments[0] as Uint8Array))
    return lie("committed to our own secret");
  return polynomial;
}

/** Round 2: whether an operator came to the same key as we. */
export function checkAnnouncement(
  { groupKey, publicShares }: KeyOfValidator,
  from: ShareIndex,
  announced: FrostAnnouncement,
): Lie | undefined {
  if (!equalBytes(announced.groupKey, groupKey))
    return { liar: from, what: "came to another validator key: dealers told it something else, or it lies" };
  if (!equalBytes(announced.publicShare, publicShares[from - 1] as Uint8Array))
    return { liar: from, what: "announced a public share that does not follow from the commitments" };
  return undefined;
}

/** Schnorr's proof in the form (response, challenge): the challenge hashes the commitment that the two lead back to. */
function isProved(dealer: ShareIndex, { commitments, wi, ci }: FrostCast, curve: PointArithmetic): boolean {
  const publicKey = commitments[0] as Uint8Array;
  const challenge = (commitment: Uint8Array): bigint => challengeOf(dealer, publicKey, commitment);
  return provesKnowledge(publicKey, { response: wi, challenge: ci }, challenge, curve);
}

function challengeOf(dealer: ShareIndex, publicKey: Uint8Array, commitment: Uint8Array): bigint {
  return hashToScalar(HASH_DOMAIN, Uint8Array.of(dealer, CONTEXT), publicKey, commitment);
}
