import mcl from "mcl-wasm";
import { scalarToBytes } from "./secret-key.ts";

await mcl.init(mcl.BLS12_381);
// Compressed points as Ethereum and ZCash write them: big-endian with flags in the first bits.
mcl.setETHserialization(true);

/**
 * A point of G2 times a scalar: 630 us, needed only where the Lagrange denominator of a signer set is not 1.
 *
 * @param signature - 96 bytes, compressed.
 * @param scalar - Below the order of the curve.
 */
export function multiplySignature(signature: Uint8Array, scalar: bigint): Uint8Array {
  const point = new mcl.G2();
  point.deserialize(signature);
  const factor = new mcl.Fr();
  factor.setBigEndianMod(scalarToBytes(scalar));
  return Uint8Array.from(mcl.mul(point, factor).serialize());
}
