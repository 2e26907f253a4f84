import { fromHex, toHex } from "../../base/index.ts";
import { type ChainSpec, domainAt, type Epoch, type Root, signingRoot, ssz } from "../../spec/index.ts";
import { decodeJson, encodeJson, integerOf, member } from "./parse.ts";

/** A validator's signature of an epoch: its share of the chain's randomness. */
export interface SignedRandao {
  readonly epoch: Epoch;
  readonly signature: Uint8Array;
}

/** JSON, the only encoding that Charon has for it. */
export function encodeRandao({ epoch, signature }: SignedRandao): Uint8Array {
  return encodeJson({ epoch: String(epoch), signature: toHex(signature) });
}

export function decodeRandao(bytes: Uint8Array): SignedRandao {
  return decodeJson(bytes, "randao", (json) => ({
    epoch: integerOf(member(json, "epoch")),
    signature: fromHex(String(member(json, "signature")), 96),
  }));
}

/** @spec phase0/validator.md#randao-reveal */
export function randaoSigningRoot(chain: ChainSpec, epoch: Epoch): Root {
  return signingRoot(ssz.Epoch.hashTreeRoot(epoch), domainAt(chain, "randao", epoch));
}
