import { toHex } from "../base/index.ts";
import { sha256 } from "../crypto/index.ts";
import { type Root, type Slot, ssz, type UnixMs } from "../spec/index.ts";
import type { ChainBlock } from "./block-tree.ts";

export type ExecutionPayload = ReturnType<typeof ssz.fulu.ExecutionPayload.defaultValue>;
export type ExecutionPayloadHeader = ReturnType<typeof ssz.fulu.ExecutionPayloadHeader.defaultValue>;

export const GAS_LIMIT_DEFAULT = 36_000_000;
const EXTRA_DATA = Buffer.from("trireme chain");

/** What the chain has a say in; everything else follows from the parent. */
export interface PayloadChoices {
  readonly feeRecipient: Uint8Array;
  readonly gasLimit: number;
}

/**
 * An empty execution payload. There is no execution layer: numbers, parent hashes, times and randao are consistent, and the
 * block hash is the root of the payload with an empty hash in it.
 *
 * @param timestamp - Unix seconds.
 */
export function makePayload(
  parent: ChainBlock,
  timestamp: number,
  choices: PayloadChoices,
): ExecutionPayload {
  const previous = parent.signed.message.body.executionPayload;
  const payload = ssz.fulu.ExecutionPayload.defaultValue();
  payload.parentHash = previous.blockHash;
  payload.feeRecipient = choices.feeRecipient;
  payload.stateRoot = sha256(Buffer.from("execution state"), previous.blockHash);
  payload.receiptsRoot = sha256(Buffer.from("receipts"), previous.blockHash);
  payload.prevRandao = parent.mix;
  payload.blockNumber = previous.blockNumber + 1;
  payload.gasLimit = choices.gasLimit;
  payload.timestamp = timestamp;
  payload.extraData = EXTRA_DATA;
  payload.baseFeePerGas = 7n;
  payload.blockHash = ssz.fulu.ExecutionPayload.hashTreeRoot(payload);
  return payload;
}

/** Seconds, as execution payloads have it; with slots of a fraction of a second several blocks share one. */
export function payloadTimestamp(slotStartMs: UnixMs): number {
  return Math.floor(slotStartMs / 1000);
}

/** The header that stands for `payload` in a blinded block: the same root. */
export function headerOf(payload: ExecutionPayload): ExecutionPayloadHeader {
  const { transactions, withdrawals, ...common } = payload;
  return {
    ...common,
    transactionsRoot: ssz.bellatrix.Transactions.hashTreeRoot(transactions),
    withdrawalsRoot: ssz.capella.Withdrawals.hashTreeRoot(withdrawals),
  };
}

/**
 * The state root of a block. Synthetic, a hash of parent and slot: the chain keeps no `BeaconState`, and nothing that a
 * validator signs depends on more of it than this one value.
 */
export function syntheticStateRoot(parentRoot: Root, slot: Slot): Root {
  return sha256(Buffer.from("trireme chain state"), parentRoot, Buffer.from(String(slot)));
}

/** The mix after a block with this reveal. @spec phase0/beacon-chain.md#randao */
export function mixAfter(mix: Uint8Array, randaoReveal: Uint8Array): Uint8Array {
  const hash = sha256(randaoReveal);
  return mix.map((byte, i) => byte ^ (hash[i] ?? 0));
}

/** The block of slot 0. Nobody signs it; like a real genesis it has an empty body. */
export function genesisBlock(genesisValidatorsRoot: Root, genesisTime: UnixMs): ChainBlock {
  const signed = ssz.fulu.SignedBeaconBlock.defaultValue();
  signed.message.stateRoot = sha256(
    Buffer.from(`trireme chain genesis ${genesisTime}`),
    genesisValidatorsRoot,
  );
  const root = ssz.fulu.BeaconBlock.hashTreeRoot(signed.message);
  return {
    slot: 0,
    root,
    rootHex: toHex(root),
    parentRoot: signed.message.parentRoot,
    stateRoot: signed.message.stateRoot,
    proposerIndex: 0,
    signed,
    mix: sha256(Buffer.from("trireme chain randao"), genesisValidatorsRoot),
  };
}
