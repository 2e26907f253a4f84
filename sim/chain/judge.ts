import { toHex } from "../../src/base/index.ts";
import {
  type ChainSpec,
  type electra,
  forkAt,
  type GroupKey,
  isAggregator,
  isSyncAggregator,
  subcommitteesOf,
} from "../../src/spec/index.ts";
import { rootSigned, selectionRoot, syncSelectionRoot } from "../signing.ts";
import type { ToyCluster } from "../toy-keys.ts";
import type { SimChain } from "./chain.ts";
import type { Fault, Signed, SignedKindOf } from "./published.ts";

/** What a beacon node would find wrong; undefined for nothing. All is judged by the chain's own specification. */
export function judge(signed: Signed, chain: SimChain, keys: ToyCluster): Fault | undefined {
  const { spec } = chain;
  const groupKey = chain.options.groupKeys[whoseIndex(signed, chain)];
  if (groupKey === undefined) return "duty";
  // First what the message says of itself, then whose signature it is, then whether anybody asked for it.
  if (!isOfItsFork(signed, spec)) return "fork";
  const root = rootSigned(signed, spec);
  if (root === undefined || !keys.verify(groupKey, root, signatureOf(signed))) return "signature";
  if (signed.kind === "aggregator")
    return aggregatorFault(signed.value.value as Aggregate, chain, keys, groupKey);
  if (signed.kind === "sync-contribution") return contributorFault(signed, chain, keys, groupKey);
  if (signed.kind === "proposer") {
    const { slot, proposerIndex } = signed.value.signedBlock.message;
    return chain.duties.proposer(slot) === proposerIndex ? undefined : "duty";
  }
  if (signed.kind === "attester") {
    const { data, committeeIndex, attesterIndex } = signed.value;
    return chain.duties.committee(data.slot, committeeIndex).includes(attesterIndex) ? undefined : "duty";
  }
  return undefined;
}

type Aggregate = electra.SignedAggregateAndProof;

function whoseIndex(signed: Signed, chain: SimChain): number {
  switch (signed.kind) {
    case "attester":
      return signed.value.attesterIndex;
    case "proposer":
      return signed.value.signedBlock.message.proposerIndex;
    case "aggregator":
      return signed.value.value.message.aggregatorIndex;
    case "sync-message":
      return signed.value.validatorIndex;
    case "sync-contribution":
      return signed.value.message.aggregatorIndex;
    case "exit":
      return signed.value.message.validatorIndex;
    case "builder-registration":
      return chain.indexOf(toHex(signed.value.message.pubkey) as GroupKey);
  }
}

function isOfItsFork(signed: Signed, spec: ChainSpec): boolean {
  switch (signed.kind) {
    case "attester":
      return signed.fork === forkAt(spec, signed.value.data.slot);
    case "proposer":
      return signed.value.fork === forkAt(spec, signed.value.signedBlock.message.slot);
    case "aggregator":
      return signed.value.fork === forkAt(spec, signed.value.value.message.aggregate.data.slot);
    case "sync-message":
    case "sync-contribution":
    case "exit":
    case "builder-registration":
      return true;
  }
}

function signatureOf(signed: Signed): Uint8Array {
  switch (signed.kind) {
    case "proposer":
      return signed.value.signedBlock.signature;
    case "aggregator":
      return signed.value.value.signature;
    case "attester":
    case "sync-message":
    case "sync-contribution":
    case "exit":
    case "builder-registration":
      return signed.value.signature;
  }
}

function aggregatorFault(
  { message: { aggregate, aggregatorIndex, selectionProof } }: Aggregate,
  chain: SimChain,
  keys: ToyCluster,
  groupKey: GroupKey,
): Fault | undefined {
  const { slot } = aggregate.data;
  if (!keys.verify(groupKey, selectionRoot(chain.spec, slot), selectionProof)) return "selection";
  const [committee] = aggregate.committeeBits.getTrueBitIndexes();
  const members = committee === undefined ? [] : chain.duties.committee(slot, committee);
  return members.includes(aggregatorIndex) && isAggregator(members.length, selectionProof)
    ? undefined
    : "duty";
}

function contributorFault(
  { value: { message } }: SignedKindOf<"sync-contribution">,
  chain: SimChain,
  keys: ToyCluster,
  groupKey: GroupKey,
): Fault | undefined {
  const { slot, subcommitteeIndex } = message.contribution;
  const root = syncSelectionRoot(chain.spec, slot, subcommitteeIndex);
  if (!keys.verify(groupKey, root, message.selectionProof)) return "selection";
  const seats = chain.duties.syncDuties().find(({ pubkey }) => pubkey === groupKey)?.positions ?? [];
  const member = subcommitteesOf(seats).includes(subcommitteeIndex);
  return member && isSyncAggregator(message.selectionProof) ? undefined : "duty";
}
