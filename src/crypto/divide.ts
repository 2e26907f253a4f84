import { Signature } from "@chainsafe/blst";
import { invert, FIELD_PRIME as P } from "./scalar.ts";
import { signedSum } from "./signed-sum.ts";

/** Size of the curve's parameter; the parameter itself is negative. The group order is X^4 - X^2 + 1. */
const X = 0xd201000000010000n;

/** An element c0 + c1 u of the quadratic extension, u^2 = -1. */
type Fp2 = readonly [c0: bigint, c1: bigint];

// Constants of the endomorphism "untwist, Frobenius, twist": (1 + u)^-((p - 1) / 3) and (1 + u)^-((p - 1) / 2).
const PSI_X: Fp2 = [
  0n,
  0x1a0111ea397fe699ec02408663d4de85aa0d857d89759ad4897d29650fb85f9b409427eb4f49fffd8bfd00000000aaadn,
];
const PSI_Y: Fp2 = [
  0x135203e60180a68ee2e9c448d77a2cd91c3dedd930b1cf60ef396489f61eb45e304466cf3e67fa0af1ee7b04121bdea2n,
  0x6af0e0437ff400b6831e36d6bd17ffe48395dabc2d3435e77f76e17009241c5ee67992f72ec05f4c81084fbede3cc09n,
];

/**
 * A point of G2's subgroup divided by a small number, modulo the group order.
 *
 * The inverse of D is a number of full size, but on G2 an endomorphism psi multiplies by the 64-bit curve parameter and
 * costs next to nothing. Written in base X the inverse of a small D has four digits that are all nearly multiples of
 * X / D, so one multiplication by that 62-bit number and two short sums do it: blst's additions are enough. A point
 * outside the subgroup gives a wrong result, which the verification of the combined signature finds.
 *
 * @param by - At least 1. It is quick for the denominators of index sets (108 for 7 of 10 operators, 3,168 for 9 of 13);
 *   for large ones it is right and slow.
 * @spec Galbraith, Lin, Scott, "Endomorphisms for faster elliptic curve cryptography" (2008);
 *   RFC 9380 appendix G.3 for psi
 */
export function divideSignature(point: Signature, by: bigint): Signature {
  if (by === 1n) return point;
  const inverse = invert(by);
  const quotient = X / by > 0n ? X / by : 1n;
  const digits = [inverse % X, (inverse / X) % X, (inverse / X ** 2n) % X, inverse / X ** 3n];
  // digit = factor * quotient + rest, rounded to the nearest so that the rest is small and may be negative.
  const factors = digits.map((digit) => (digit + quotient / 2n) / quotient);
  const rests = digits.map((digit, i) => digit - (factors[i] as bigint) * quotient);
  const powers = endomorphismPowers(point);
  const whole = signedSum(powers, factors);
  const rest = signedSum(powers, rests);
  const big = whole === undefined ? undefined : signedSum([whole], [quotient]);
  const parts = [big, rest].filter((part) => part !== undefined);
  const sum = signedSum(
    parts,
    parts.map(() => 1n),
  );
  return sum as Signature;
}

/** The point times X^0 .. X^3. */
function endomorphismPowers(point: Signature): Signature[] {
  // Uncompressed: x.c1, x.c0, y.c1, y.c0, 48 bytes each, big-endian.
  const hex = Buffer.from(point.toBytes(false)).toString("hex");
  const field = (at: number): bigint => BigInt(`0x${hex.slice(96 * at, 96 * (at + 1))}`);
  let x: Fp2 = [field(1), field(0)];
  let y: Fp2 = [field(3), field(2)];
  const powers = [point];
  for (let i = 1; i < 4; i++) {
    x = multiply(conjugate(x), PSI_X);
    y = negate(multiply(conjugate(y), PSI_Y)); // Psi multiplies by -X.
    const bytes = [x[1], x[0], y[1], y[0]].map((c) => c.toString(16).padStart(96, "0")).join("");
    powers.push(Signature.fromBytes(Buffer.from(bytes, "hex")));
  }
  return powers;
}

const conjugate = ([c0, c1]: Fp2): Fp2 => [c0, c1 === 0n ? 0n : P - c1];
const negate = ([c0, c1]: Fp2): Fp2 => [c0 === 0n ? 0n : P - c0, c1 === 0n ? 0n : P - c1];

function multiply([a0, a1]: Fp2, [b0, b1]: Fp2): Fp2 {
  return [(((a0 * b0 - a1 * b1) % P) + P) % P, (a0 * b1 + a1 * b0) % P];
}
