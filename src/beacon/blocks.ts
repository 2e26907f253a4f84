import { equalBytes, toHex } from "../base/index.ts";
import type { IncludedBlock, Proposal, SignedAggregate, SignedProposal } from "../ports/index.ts";
import {
  type Attestation,
  ForkName,
  isForkPostElectra,
  type SingleAttestation,
  type Slot,
  sszTypesFor,
} from "../spec/index.ts";
import type { Answer } from "./endpoint.ts";
import { bad } from "./errors.ts";
import { BETTER_BLOCK_MS, BLOCK_BYTES_MAX } from "./limits.ts";
import { parseJson, readContainer, readSsz, type SszType } from "./parse.ts";
import type { Attempt, Contest } from "./pool.ts";

const SSZ_FIRST = { accept: "application/octet-stream;q=1.0,application/json;q=0.9" } as const;

type Contents = Pick<Proposal & { blinded: false }, "block" | "kzgProofs" | "blobs">;
type SignedContents = Pick<SignedProposal & { blinded: false }, "signedBlock" | "kzgProofs" | "blobs">;
type Blinded = (Proposal & { blinded: true })["block"];
type SignedBlinded = (SignedProposal & { blinded: true })["signedBlock"];

/** The types of one fork from Deneb on, when blobs came. The union over all forks does not say that they are there. */
interface BlockTypes {
  readonly BeaconBlock: SszType<Contents["block"]>;
  readonly BlindedBeaconBlock: SszType<Blinded>;
  readonly SignedBeaconBlock: SszType<SignedContents["signedBlock"]>;
  readonly SignedBlindedBeaconBlock: SszType<SignedBlinded>;
  readonly BlockContents: SszType<Contents>;
  readonly SignedBlockContents: SszType<SignedContents>;
  readonly SingleAttestation: SszType<SingleAttestation>;
  readonly Attestation: SszType<Attestation>;
  readonly SignedAggregateAndProof: SszType<SignedAggregate["value"]>;
}

/** A fork whose types are there; new forks come with a new version of the types, not with code here. */
export function typesOf(name: string): { readonly fork: ForkName; readonly types: BlockTypes } {
  const fork = Object.values(ForkName).find((known) => known === name.toLowerCase());
  if (fork === undefined) throw bad("version", "a fork that this program knows");
  const types = sszTypesFor(fork) as unknown as Partial<BlockTypes>;
  if (types.BlockContents === undefined) throw bad("version", "a fork from Deneb on");
  return { fork, types: types as BlockTypes };
}

/** A versioned container from SSZ or JSON. `choose` picks its type; it also gets what JSON says beside the data. */
export function readVersioned<T>(
  answer: Answer,
  choose: (types: BlockTypes, beside: (field: string, header: string) => unknown) => SszType<T>,
): { readonly fork: ForkName; readonly types: BlockTypes; readonly value: T } {
  const json = answer.type === "json" ? parseJson(answer.body) : undefined;
  const beside = (field: string, header: string): unknown =>
    json?.raw(field) ?? answer.headers.get(header) ?? undefined;
  const version = beside("version", "eth-consensus-version");
  const { fork, types } = typesOf(typeof version === "string" ? version : "");
  const type = choose(types, beside);
  const value =
    json === undefined ? readSsz(type, answer.body) : readContainer(type, json.raw("data"), "data");
  return { fork, types, value };
}

export interface ProductionOptions {
  readonly randaoReveal: Uint8Array;
  readonly graffiti?: Uint8Array;
  readonly builderBoostFactor?: bigint;
}

/** produceBlockV3: a block of the very slot and with the very randao reveal that were asked for. */
export function askProposal(slot: Slot, how: ProductionOptions): Attempt<Proposal> {
  const query = new URLSearchParams({ randao_reveal: toHex(how.randaoReveal) });
  if (how.graffiti !== undefined) query.set("graffiti", toHex(how.graffiti));
  if (how.builderBoostFactor !== undefined) query.set("builder_boost_factor", String(how.builderBoostFactor));
  const path = `/eth/v3/validator/blocks/${slot}?${query}`;
  return async (endpoint, signal) => {
    const proposal = parseProposal(
      await endpoint.ask({ method: "GET", path, headers: SSZ_FIRST, bytesMax: BLOCK_BYTES_MAX }, signal),
    );
    if (proposal.block.slot !== slot) throw bad("block.slot", String(slot));
    if (!equalBytes(proposal.block.body.randaoReveal, how.randaoReveal))
      throw bad("block.body.randao_reveal", "the one that was given");
    return proposal;
  };
}

/** @throws BeaconError `beacon/bad-answer` */
export function parseProposal(answer: Answer): Proposal {
  let blinded = false;
  let value: bigint | undefined;
  const found = readVersioned<Contents | Blinded>(answer, (types, beside) => {
    const flag = beside("execution_payload_blinded", "eth-execution-payload-blinded");
    blinded = flag === true || flag === "true";
    const execution = wei(beside("execution_payload_value", "eth-execution-payload-value"));
    const consensus = wei(beside("consensus_block_value", "eth-consensus-block-value"));
    if (execution !== undefined) value = execution + (consensus ?? 0n);
    return blinded ? types.BlindedBeaconBlock : types.BlockContents;
  });
  const common = { fork: found.fork, ...(value === undefined ? {} : { value }) };
  if (blinded) return { ...common, blinded: true, block: found.value as Blinded };
  const { block, kzgProofs, blobs } = found.value as Contents;
  return { ...common, blinded: false, block, kzgProofs, blobs };
}

/** Undefined when the node does not say, or says something else than a number of wei. */
function wei(text: unknown): bigint | undefined {
  return typeof text === "string" && /^\d{1,40}$/.test(text) ? BigInt(text) : undefined;
}

/** The block that pays most, with the builder's weighed as the nodes weigh it: in percent by the boost factor. */
export function highestValue(builderBoostFactor: bigint = 100n): Contest<Proposal> {
  const weight = ({ blinded, value }: Proposal): bigint =>
    (value ?? -1n) * (blinded ? builderBoostFactor : 100n);
  return {
    compare: (a, b) => {
      const [first, second] = [weight(a), weight(b)];
      return first === second ? 0 : first > second ? 1 : -1;
    },
    graceMs: BETTER_BLOCK_MS,
  };
}

/** A signed proposal as SSZ bytes and as JSON, for nodes that take only one of them. */
export function encodeProposal(proposal: SignedProposal): {
  readonly ssz: Uint8Array<ArrayBuffer>;
  json(): string;
} {
  const { types } = typesOf(proposal.fork);
  if (proposal.blinded) return encoded(types.SignedBlindedBeaconBlock, proposal.signedBlock);
  const { signedBlock, kzgProofs, blobs } = proposal;
  return encoded(types.SignedBlockContents, { signedBlock, kzgProofs, blobs });
}

function encoded<T>(type: SszType<T>, value: T): ReturnType<typeof encodeProposal> {
  return { ssz: type.serialize(value), json: () => JSON.stringify(type.toJson(value)) };
}

/** The block at `id`, and no other. */
export function askBlock(id: Slot | string): Attempt<IncludedBlock> {
  const path = `/eth/v2/beacon/blocks/${id}`;
  return async (endpoint, signal) => {
    const block = parseBlock(
      await endpoint.ask({ method: "GET", path, headers: SSZ_FIRST, bytesMax: BLOCK_BYTES_MAX }, signal),
    );
    if (typeof id === "number" && block.slot !== id) throw bad("message.slot", String(id));
    if (typeof id === "string" && id.startsWith("0x") && toHex(block.root) !== id.toLowerCase())
      throw bad("message", `the block with root ${id}`);
    return block;
  };
}

/** @throws BeaconError `beacon/bad-answer` */
export function parseBlock(answer: Answer): IncludedBlock {
  const { fork, types, value } = readVersioned(answer, ({ SignedBeaconBlock }) => SignedBeaconBlock);
  const { message } = value;
  return {
    fork,
    root: types.BeaconBlock.hashTreeRoot(message),
    slot: message.slot,
    proposerIndex: message.proposerIndex,
    parentRoot: message.parentRoot,
    attestations: message.body.attestations,
  };
}

/** Attestations of single validators, as JSON, the way the pool takes them from Electra on. */
export function encodeAttestations(forkName: string, attestations: readonly SingleAttestation[]): string {
  const { fork, types } = typesOf(forkName);
  if (!isForkPostElectra(fork)) throw bad("version", "a fork from Electra on");
  return JSON.stringify(attestations.map((attestation) => types.SingleAttestation.toJson(attestation)));
}
