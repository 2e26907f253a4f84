import type { Fork, Proposal, SignedProposal } from "../../ports/index.ts";
import {
  type BeaconBlock,
  type BlindedBeaconBlock,
  type ChainSpec,
  countItems,
  domainAt,
  epochOf,
  type ForkName,
  ForkSeq,
  type Root,
  type SignedBeaconBlock,
  type SignedBlindedBeaconBlock,
  signingRoot,
} from "../../spec/index.ts";
import { LIMITS } from "../limits.ts";
import { forkOfNumber, readEnvelope, type WireFork, writeEnvelope } from "./envelope.ts";
import { typeNamed } from "./fork-types.ts";
import { decodeEither, integerOf, member, type SszType } from "./parse.ts";

// From Deneb on, a block travels with its blobs.
interface Blobs {
  readonly kzgProofs: readonly Uint8Array[];
  readonly blobs: readonly Uint8Array[];
}
type BlockContents = Blobs & { readonly block: BeaconBlock };
type SignedBlockContents = Blobs & { readonly signedBlock: SignedBeaconBlock };

const carriesBlobs = (fork: Fork): boolean => ForkSeq[fork as ForkName] >= ForkSeq.deneb;

const blockType = (fork: Fork): SszType<BeaconBlock> => typeNamed(fork, "BeaconBlock");
const blindedBlockType = (fork: Fork): SszType<BlindedBeaconBlock> => typeNamed(fork, "BlindedBeaconBlock");
const signedBlockType = (fork: Fork): SszType<SignedBeaconBlock> => typeNamed(fork, "SignedBeaconBlock");
const signedBlindedType = (fork: Fork): SszType<SignedBlindedBeaconBlock> =>
  typeNamed(fork, "SignedBlindedBeaconBlock");
const contentsType = (fork: Fork): SszType<BlockContents> => typeNamed(fork, "BlockContents");
const signedContentsType = (fork: Fork): SszType<SignedBlockContents> =>
  typeNamed(fork, "SignedBlockContents");

/** Fork number, blinded or not, offset, then the block of that fork (core/ssz.go). */
export function encodeProposal(proposal: Proposal): Uint8Array {
  return writeEnvelope("blinded", proposal.fork, proposal.blinded ? 1 : 0, serialize(proposal));
}

function serialize(proposal: Proposal): Uint8Array {
  const { fork } = proposal;
  if (proposal.blinded) return blindedBlockType(fork).serialize(proposal.block);
  const { block, kzgProofs, blobs } = proposal;
  if (!carriesBlobs(fork)) return blockType(fork).serialize(block);
  return contentsType(fork).serialize({ block, kzgProofs, blobs });
}

/** @throws CodecError */
export function decodeProposal(bytes: Uint8Array): Proposal {
  return decodeVersioned(bytes, "proposal", encodeProposal, (fork, blinded, read) => {
    if (blinded) return { fork, blinded, block: read(blindedBlockType(fork)) };
    if (!carriesBlobs(fork)) return { fork, blinded, block: read(blockType(fork)), kzgProofs: [], blobs: [] };
    return { fork, blinded, ...read(contentsType(fork)) };
  });
}

export function encodeSignedProposal(proposal: SignedProposal): Uint8Array {
  return writeEnvelope("blinded", proposal.fork, proposal.blinded ? 1 : 0, serializeSigned(proposal));
}

function serializeSigned(proposal: SignedProposal): Uint8Array {
  const { fork } = proposal;
  if (proposal.blinded) return signedBlindedType(fork).serialize(proposal.signedBlock);
  const { signedBlock, kzgProofs, blobs } = proposal;
  if (!carriesBlobs(fork)) return signedBlockType(fork).serialize(signedBlock);
  return signedContentsType(fork).serialize({ signedBlock, kzgProofs, blobs });
}

/** @throws CodecError */
export function decodeSignedProposal(bytes: Uint8Array): SignedProposal {
  return decodeVersioned(bytes, "signed proposal", encodeSignedProposal, (fork, blinded, read) => {
    if (blinded) return { fork, blinded, signedBlock: read(signedBlindedType(fork)) };
    if (!carriesBlobs(fork))
      return { fork, blinded, signedBlock: read(signedBlockType(fork)), kzgProofs: [], blobs: [] };
    return { fork, blinded, ...read(signedContentsType(fork)) };
  });
}

/** Reads the block as whatever type it is given, from SSZ or from JSON. */
type BlockReader = <T>(type: SszType<T>) => T;

function decodeVersioned<P>(
  bytes: Uint8Array,
  what: string,
  encode: (proposal: P) => Uint8Array,
  read: (fork: WireFork, blinded: boolean, block: BlockReader) => P,
): P {
  const decode = (): P => {
    const { fork, extra, body } = readEnvelope("blinded", bytes);
    return read(fork, extra === 1, (type) => readBlock(type, body));
  };
  return decodeEither(
    bytes,
    what,
    { decode, encode },
    (json) =>
      read(forkOfNumber(integerOf(member(json, "version"))), member(json, "blinded") === true, (type) =>
        readBlock(type, type.serialize(type.fromJson(member(json, "block")))),
      ),
    LIMITS.blockJsonBytesMax,
  );
}

/** Counts before it reads: what is short may have so many pieces that nothing else is done for seconds. */
function readBlock<T>(type: SszType<T>, bytes: Uint8Array): T {
  if (countItems(type, bytes) > LIMITS.blockItemsMax) throw new Error("more items than a block can have");
  return type.deserialize(bytes.slice());
}

/** A proposal with the signature that makes it a signed one. */
export function signProposal(proposal: Proposal, signature: Uint8Array): SignedProposal {
  const { fork } = proposal;
  if (proposal.blinded) {
    return {
      fork,
      blinded: true,
      signedBlock: { message: proposal.block, signature },
    };
  }
  const signedBlock = { message: proposal.block, signature };
  return { fork, blinded: false, signedBlock, kzgProofs: proposal.kzgProofs, blobs: proposal.blobs };
}

/** The proposal inside a signed one. */
export function unsignedProposal(proposal: SignedProposal): Proposal {
  const { fork } = proposal;
  return proposal.blinded
    ? { fork, blinded: true, block: proposal.signedBlock.message }
    : {
        fork,
        blinded: false,
        block: proposal.signedBlock.message,
        kzgProofs: proposal.kzgProofs,
        blobs: proposal.blobs,
      };
}

/** Hash tree root of the block; a blinded block has the root of the full one. */
export function blockRoot(proposal: Proposal): Root {
  return proposal.blinded
    ? blindedBlockType(proposal.fork).hashTreeRoot(proposal.block)
    : blockType(proposal.fork).hashTreeRoot(proposal.block);
}

export function proposalSigningRoot(chain: ChainSpec, proposal: Proposal): Root {
  return signingRoot(blockRoot(proposal), domainAt(chain, "proposer", epochOf(chain, proposal.block.slot)));
}
