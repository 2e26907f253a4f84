import { toHex } from "../../base/index.ts";
import { acceptsSsz } from "../../http/index.ts";
import { ssz as types } from "../../spec/index.ts";
import { headerOfBlock } from "../accept-block.ts";
import type { ChainBlock } from "../block-tree.ts";
import { headerOf } from "../payload.ts";
import { answerOf, ssz } from "./answer.ts";
import { type Call, hexBytes, type Route, wholeNumber } from "./call.ts";
import { blockOf, isFinal } from "./ids.ts";

/** Blocks of the chain, whole and in part. */
export const blockRoutes: readonly Route[] = [
  { method: "GET", path: "/eth/v1/beacon/headers", run: listHeaders },
  {
    method: "GET",
    path: "/eth/v1/beacon/headers/:block",
    run: (call) => {
      const block = blockOf(call);
      return answerOf({ finalized: isFinal(call, block) }, headerJson(block));
    },
  },
  { method: "GET", path: "/eth/v2/beacon/blocks/:block", run: wholeBlock },
  { method: "GET", path: "/eth/v1/beacon/blinded_blocks/:block", run: blindedBlock },
  {
    method: "GET",
    path: "/eth/v1/beacon/blocks/:block/root",
    run: (call) => {
      const block = blockOf(call);
      return answerOf({ finalized: isFinal(call, block) }, { root: block.rootHex });
    },
  },
  {
    method: "GET",
    path: "/eth/v2/beacon/blocks/:block/attestations",
    run: (call) => {
      const block = blockOf(call);
      return answerOf(
        { finalized: isFinal(call, block), versioned: true },
        block.signed.message.body.attestations.map((attestation) =>
          types.fulu.Attestation.toJson(attestation),
        ),
      );
    },
  },
  ...["blob_sidecars", "blobs"].map(
    (what): Route => ({
      method: "GET",
      path: `/eth/v1/beacon/${what}/:block`,
      run: (call) => {
        const block = blockOf(call);
        if (acceptsSsz(call.request)) return ssz(new Uint8Array(0));
        return answerOf({ finalized: isFinal(call, block), versioned: true }, []);
      },
    }),
  ),
];

function listHeaders(call: Call): Response {
  const { world, url } = call;
  const slotText = url.searchParams.get("slot");
  const parentText = url.searchParams.get("parent_root");
  const parent = parentText === null ? undefined : toHex(hexBytes(parentText, 32, "parent_root"));
  const slot = slotText === null ? undefined : wholeNumber(slotText, "slot");
  const head = world.tree.head;
  const candidates =
    slot !== undefined ? [world.tree.at(slot)] : parent !== undefined ? childrenOf(call, parent) : [head];
  const blocks = candidates.filter(
    (block): block is ChainBlock =>
      block !== undefined && (parent === undefined || toHex(block.parentRoot) === parent),
  );
  return answerOf({ finalized: blocks.every((block) => isFinal(call, block)) }, blocks.map(headerJson));
}

/** The chain has one branch, so a block has one child at most: the next one. */
function childrenOf({ world }: Call, parent: `0x${string}`): (ChainBlock | undefined)[] {
  const block = world.tree.get(parent);
  if (block === undefined) return [];
  for (let slot = block.slot + 1; slot <= world.tree.head.slot; slot++) {
    const child = world.tree.at(slot);
    if (child !== undefined) return [child];
  }
  return [];
}

function headerJson(block: ChainBlock): unknown {
  return {
    root: block.rootHex,
    canonical: true,
    header: {
      message: types.phase0.BeaconBlockHeader.toJson(headerOfBlock(block.signed.message)),
      signature: toHex(block.signed.signature),
    },
  };
}

function wholeBlock(call: Call): Response {
  const block = blockOf(call);
  if (acceptsSsz(call.request)) return ssz(types.fulu.SignedBeaconBlock.serialize(block.signed));
  return answerOf(
    { finalized: isFinal(call, block), versioned: true },
    types.fulu.SignedBeaconBlock.toJson(block.signed),
  );
}

function blindedBlock(call: Call): Response {
  const block = blockOf(call);
  const { executionPayload, ...body } = block.signed.message.body;
  const blinded = {
    message: {
      ...block.signed.message,
      body: { ...body, executionPayloadHeader: headerOf(executionPayload) },
    },
    signature: block.signed.signature,
  };
  if (acceptsSsz(call.request)) return ssz(types.fulu.SignedBlindedBeaconBlock.serialize(blinded));
  return answerOf(
    { finalized: isFinal(call, block), versioned: true },
    types.fulu.SignedBlindedBeaconBlock.toJson(blinded),
  );
}
