import { toHex } from "../base/index.ts";
import type { IncludedBlock, Proposal, SignedProposal } from "../ports/index.ts";
import { ForkName, isForkPostElectra, sszTypesFor } from "../spec/index.ts";
import type { Answer } from "./endpoint.ts";
import { bad, parseJson } from "./parse.ts";

/** A fork that the SSZ types know; new forks come with a new version of them. */
function forkOf(name: string): ForkName {
  const fork = name.toLowerCase() as ForkName;
  if (!Object.values(ForkName).includes(fork)) throw bad("version", "a fork that this program knows");
  return fork;
}

/** Reads with an SSZ type; what it refuses is a bad answer. */
function read<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw bad(where, "a value of the consensus specification");
  }
}

function wei(text: unknown): bigint {
  return typeof text === "string" && /^\d{1,40}$/.test(text) ? BigInt(text) : 0n;
}

// The types of one fork have what we ask of them from Deneb on; the union over all forks does not say so.
interface BlockTypes {
  readonly BeaconBlock: SszType;
  readonly BlindedBeaconBlock: SszType;
  readonly SignedBeaconBlock: SszType;
  readonly SignedBlindedBeaconBlock: SszType;
  readonly BlockContents: SszType;
  readonly SignedBlockContents: SszType;
}
interface SszType {
  fromJson(json: unknown): unknown;
  toJson(value: unknown): unknown;
  deserialize(bytes: Uint8Array): unknown;
  serialize(value: unknown): Uint8Array;
  hashTreeRoot(value: unknown): Uint8Array;
}
const typesOf = (fork: ForkName): BlockTypes => sszTypesFor(fork) as unknown as BlockTypes;

/** The answer of produceBlockV3. */
export function parseProposal(answer: Answer): Proposal {
  const json = answer.ssz ? undefined : parseJson(answer.body);
  const header = (name: string): string | undefined => answer.headers[name];
  const fork = forkOf(json?.text("version") ?? header("eth-consensus-version") ?? "");
  const blinded =
    json?.flag("execution_payload_blinded") ?? header("eth-execution-payload-blinded") === "true";
  const value =
    wei(json?.raw("execution_payload_value") ?? header("eth-execution-payload-value")) +
    wei(json?.raw("consensus_block_value") ?? header("eth-consensus-block-value"));
  const types = typesOf(fork);
  const type = blinded ? types.BlindedBeaconBlock : types.BlockContents;
  const parsed = read("data", () =>
    json === undefined ? type.deserialize(answer.body) : type.fromJson(json.raw("data")),
  );
  if (blinded) return { fork, blinded: true, block: parsed as never, value };
  const { block, kzgProofs, blobs } = parsed as {
    block: never;
    kzgProofs: Uint8Array[];
    blobs: Uint8Array[];
  };
  return { fork, blinded: false, block, kzgProofs, blobs, value };
}

/** A signed proposal as SSZ bytes and as JSON, for nodes that take only one of them. */
export function encodeProposal(proposal: SignedProposal): { readonly ssz: Uint8Array; json(): string } {
  const types = typesOf(forkOf(proposal.fork));
  const type = proposal.blinded ? types.SignedBlindedBeaconBlock : types.SignedBlockContents;
  const value = proposal.blinded
    ? proposal.signedBlock
    : { signedBlock: proposal.signedBlock, kzgProofs: [...proposal.kzgProofs], blobs: [...proposal.blobs] };
  return { ssz: type.serialize(value), json: () => JSON.stringify(type.toJson(value)) };
}

/** The answer of getBlockV2. */
export function parseBlock(answer: Answer): IncludedBlock {
  const json = answer.ssz ? undefined : parseJson(answer.body);
  const fork = forkOf(json?.text("version") ?? answer.headers["eth-consensus-version"] ?? "");
  const types = typesOf(fork);
  const signed = read("data", () =>
    json === undefined
      ? types.SignedBeaconBlock.deserialize(answer.body)
      : types.SignedBeaconBlock.fromJson(json.raw("data")),
  );
  const { message } = signed as {
    message: {
      slot: number;
      proposerIndex: number;
      parentRoot: Uint8Array;
      body: { attestations: IncludedBlock["attestations"] };
    };
  };
  return {
    fork,
    root: types.BeaconBlock.hashTreeRoot(message),
    slot: message.slot,
    proposerIndex: message.proposerIndex,
    parentRoot: message.parentRoot,
    attestations: message.body.attestations,
  };
}

/** Attestations of single validators as the pool takes them from Electra on. */
export function encodeAttestations(fork: string, attestations: readonly unknown[]): string {
  const known = forkOf(fork);
  if (!isForkPostElectra(known)) throw bad("version", "a fork from Electra on");
  const { SingleAttestation } = sszTypesFor(known) as unknown as { SingleAttestation: SszType };
  return JSON.stringify(attestations.map((attestation) => SingleAttestation.toJson(attestation)));
}

export function hexQuery(bytes: Uint8Array): string {
  return toHex(bytes);
}
