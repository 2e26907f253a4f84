import {
  DOMAIN_AGGREGATE_AND_PROOF,
  DOMAIN_APPLICATION_BUILDER,
  DOMAIN_BEACON_ATTESTER,
  DOMAIN_BEACON_PROPOSER,
  DOMAIN_CONTRIBUTION_AND_PROOF,
  DOMAIN_DEPOSIT,
  DOMAIN_RANDAO,
  DOMAIN_SELECTION_PROOF,
  DOMAIN_SYNC_COMMITTEE,
  DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
  DOMAIN_VOLUNTARY_EXIT,
  type ForkName,
} from "@lodestar/params";
import { ssz } from "@lodestar/types";
import { type ChainSpec, epochOf } from "./chain-spec.ts";
import type { Epoch, Root, Slot } from "./units.ts";

/** The domain types of the consensus specification by our names. */
export type DomainName =
  | "proposer"
  | "attester"
  | "randao"
  | "deposit"
  | "exit"
  | "selectionProof"
  | "aggregateAndProof"
  | "syncCommittee"
  | "syncSelectionProof"
  | "contributionAndProof"
  | "applicationBuilder";

const DOMAIN_TYPES: Readonly<Record<DomainName, Uint8Array>> = {
  proposer: DOMAIN_BEACON_PROPOSER,
  attester: DOMAIN_BEACON_ATTESTER,
  randao: DOMAIN_RANDAO,
  deposit: DOMAIN_DEPOSIT,
  exit: DOMAIN_VOLUNTARY_EXIT,
  selectionProof: DOMAIN_SELECTION_PROOF,
  aggregateAndProof: DOMAIN_AGGREGATE_AND_PROOF,
  syncCommittee: DOMAIN_SYNC_COMMITTEE,
  syncSelectionProof: DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF,
  contributionAndProof: DOMAIN_CONTRIBUTION_AND_PROOF,
  applicationBuilder: DOMAIN_APPLICATION_BUILDER,
};

/** Every partial signature of a peer needs a domain, and there are only a few of them. */
const known = new WeakMap<ChainSpec, Map<string, Uint8Array>>();

/**
 * The 32-byte domain in force at `epoch`; not to be written to. Builder registrations and deposits use the genesis fork version and a
 * zero root; exits use the Capella version for ever (EIP-7044).
 *
 * @spec phase0/beacon-chain.md#compute_domain
 */
export function domainAt(chain: ChainSpec, name: DomainName, epoch: Epoch): Uint8Array {
  const ofChain = known.get(chain) ?? new Map<string, Uint8Array>();
  known.set(chain, ofChain);
  const key = `${name}/${chain.config.getForkInfoAtEpoch(epoch).name}`;
  const domain = ofChain.get(key) ?? domainOf(chain, name, epoch);
  ofChain.set(key, domain);
  return domain;
}

function domainOf(chain: ChainSpec, name: DomainName, epoch: Epoch): Uint8Array {
  const type = DOMAIN_TYPES[name];
  if (name === "deposit" || name === "applicationBuilder")
    return genesisDomain(chain.genesisForkVersion, name);
  if (name === "exit")
    return computeDomain(type, chain.config.CAPELLA_FORK_VERSION, chain.genesisValidatorsRoot);
  return computeDomain(type, forkVersionAt(chain, epoch), chain.genesisValidatorsRoot);
}

/** Domain of what is signed outside of any state: deposits and builder registrations. */
export function genesisDomain(
  genesisForkVersion: Uint8Array,
  name: "deposit" | "applicationBuilder",
): Uint8Array {
  return computeDomain(DOMAIN_TYPES[name], genesisForkVersion, new Uint8Array(32));
}

/**
 * The fork in force at `slot`. Lodestar's own question by slot counts epochs of its preset, 32 slots each, and this chain's may
 * be shorter: 16 on Gnosis.
 */
export function forkAt(chain: ChainSpec, slot: Slot): ForkName {
  return chain.config.getForkInfoAtEpoch(epochOf(chain, slot)).name;
}

/** The 4-byte fork version in force at `epoch`. */
function forkVersionAt(chain: ChainSpec, epoch: Epoch): Uint8Array {
  return chain.config.getForkInfoAtEpoch(epoch).version;
}

function computeDomain(type: Uint8Array, forkVersion: Uint8Array, genesisValidatorsRoot: Root): Uint8Array {
  const forkDataRoot = ssz.phase0.ForkData.hashTreeRoot({
    currentVersion: forkVersion,
    genesisValidatorsRoot,
  });
  const domain = new Uint8Array(32);
  domain.set(type, 0);
  domain.set(forkDataRoot.subarray(0, 28), 4);
  return domain;
}

/**
 * The 32 bytes that a validator signs.
 *
 * @param objectRoot - hash tree root of what is signed.
 * @spec phase0/beacon-chain.md#compute_signing_root
 */
export function signingRoot(objectRoot: Root, domain: Uint8Array): Root {
  return ssz.phase0.SigningData.hashTreeRoot({ objectRoot, domain });
}
