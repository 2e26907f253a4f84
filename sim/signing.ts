import { type SignedCodec, signedCodecs } from "../src/duty/index.ts";
import type { Submission } from "../src/ports/index.ts";
import {
  type ChainSpec,
  domainAt,
  epochOf,
  type Root,
  type Slot,
  signingRoot,
  ssz,
} from "../src/spec/index.ts";
import type { Signed } from "./chain/published.ts";

/** The 32 bytes that a validator signs in this, as a validator client or a beacon node makes them of what it sees. */
export function rootSigned(
  what: Pick<Signed, "kind" | "value"> | { readonly kind: Submission["kind"]; readonly value: unknown },
  spec: ChainSpec,
): Root | undefined {
  // Two kinds look otherwise in the beacon API than between operators.
  if (what.kind === "attester") {
    const { data } = what.value as Extract<Signed, { kind: "attester" }>["value"];
    const domain = domainAt(spec, "attester", data.target.epoch);
    return signingRoot(ssz.phase0.AttestationData.hashTreeRoot(data), domain);
  }
  const codec = signedCodecs[what.kind] as SignedCodec<unknown>;
  const registration = what.kind === "builder-registration";
  return codec.signingRoot(registration ? { version: 0, registration: what.value } : what.value, spec);
}

/** What a validator signs to learn whether it aggregates. */
export function selectionRoot(spec: ChainSpec, slot: Slot): Root {
  return signingRoot(ssz.Slot.hashTreeRoot(slot), domainAt(spec, "selectionProof", epochOf(spec, slot)));
}

export function syncSelectionRoot(spec: ChainSpec, slot: Slot, subcommitteeIndex: number): Root {
  const data = ssz.altair.SyncAggregatorSelectionData.hashTreeRoot({ slot, subcommitteeIndex });
  return signingRoot(data, domainAt(spec, "syncSelectionProof", epochOf(spec, slot)));
}
