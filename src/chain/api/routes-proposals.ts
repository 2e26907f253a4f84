import { toHex } from "../../base/index.ts";
import { acceptsSsz, json } from "../../http/index.ts";
import { type fulu, ssz as types } from "../../spec/index.ts";
import { acceptBlock } from "../accept-block.ts";
import { FORK_NAME } from "../chain-spec.ts";
import { type Block, blind, choicesOf, makeBlock, type Proposer, randaoSigningRoot } from "../make-block.ts";
import { INFINITY_SIGNATURE } from "../signature-pile.ts";
import type { ValidatorState } from "../validators.ts";
import { currentSlot, refused } from "../world.ts";
import { checkVersion, done, ssz } from "./answer.ts";
import {
  badRequest,
  type Call,
  fromJson,
  hasBadNumber,
  hexBytes,
  isSszBody,
  param,
  type Route,
  readBytes,
  readJson,
  wholeNumber,
} from "./call.ts";
import { reachSlot } from "./routes-votes.ts";

/** Wei. Made up: there are no transactions. A builder always bids more than the chain's own payload is worth. */
const LOCAL_VALUE_WEI = 1_000_000_000_000_000n;
const BUILDER_VALUE_WEI = 20_000_000_000_000_000n;
const CONSENSUS_VALUE_WEI = 700_000_000_000_000n;
const BOOST_DEFAULT = 100n;
const BUILDER_ADDRESS: Uint8Array = new Uint8Array(20).fill(0xb1);

type SignedBlinded = ReturnType<typeof types.fulu.SignedBlindedBeaconBlock.defaultValue>;

/** Blocks to be signed, and signed blocks. */
export const proposalRoutes: readonly Route[] = [
  { method: "GET", path: "/eth/v3/validator/blocks/:slot", run: produce },
  ...["v1", "v2"].flatMap((version): Route[] => [
    { method: "POST", path: `/eth/${version}/beacon/blocks`, run: publish },
    { method: "POST", path: `/eth/${version}/beacon/blinded_blocks`, run: publishBlinded },
  ]),
];

async function produce(call: Call): Promise<Response> {
  const { world, url } = call;
  const slot = wholeNumber(param(call, "slot"), "slot");
  if (slot === 0) throw badRequest("slot 0 is the genesis block");
  await reachSlot(call, slot);
  if (slot < currentSlot(world, call.at)) throw badRequest("slot is over");
  const index = world.roster.proposer(slot);
  const graffiti = url.searchParams.get("graffiti");
  const proposer: Proposer = {
    slot,
    index,
    randaoReveal: await checkedRandao(call, slot, index),
    graffiti: graffiti === null ? new Uint8Array(32) : hexBytes(graffiti, 32, "graffiti"),
  };
  const validator = world.validators.all[index] as ValidatorState;
  if (useBuilder(call, validator)) {
    const gasLimit = world.registrations.get(validator.key)?.gasLimit ?? 0;
    const block = makeBlock(world, proposer, { feeRecipient: BUILDER_ADDRESS, gasLimit });
    const blinded = blind(world, block);
    return proposal(
      call,
      { blinded: true, valueWei: BUILDER_VALUE_WEI },
      types.fulu.BlindedBeaconBlock,
      blinded,
    );
  }
  const block = makeBlock(world, proposer, choicesOf(world, index));
  const contents = { block, kzgProofs: [], blobs: [] };
  return proposal(call, { blinded: false, valueWei: LOCAL_VALUE_WEI }, types.fulu.BlockContents, contents);
}

async function checkedRandao(call: Call, slot: number, proposer: number): Promise<Uint8Array> {
  const { world, url, at } = call;
  const randaoReveal = hexBytes(url.searchParams.get("randao_reveal"), 96, "randao_reveal");
  if (url.searchParams.has("skip_randao_verification")) {
    if (toHex(randaoReveal) !== toHex(INFINITY_SIGNATURE))
      throw badRequest("without verification the randao reveal has to be the point at infinity");
    return randaoReveal;
  }
  const { pubkey } = world.validators.all[proposer] as ValidatorState;
  const root = randaoSigningRoot(world, slot);
  const [right] = await world.signatures.each([{ publicKey: pubkey, root, signature: randaoReveal }]);
  if (right !== true) {
    refused(world, "block request", "wrong randao reveal", at, proposer);
    throw badRequest("randao reveal is not the proposer's signature for this epoch");
  }
  return randaoReveal;
}

/** Whether the builder's bid wins. @spec beacon-APIs "produceBlockV3", builder_boost_factor */
function useBuilder({ world, url }: Call, proposer: ValidatorState): boolean {
  if (!world.settings.builder || !world.registrations.has(proposer.key)) return false;
  const text = url.searchParams.get("builder_boost_factor");
  if (text !== null && !/^\d{1,20}$/.test(text))
    throw badRequest("builder_boost_factor is not a whole number");
  const boost = text === null ? BOOST_DEFAULT : BigInt(text);
  return (BUILDER_VALUE_WEI * boost) / 100n > LOCAL_VALUE_WEI;
}

function proposal<T>(
  { request }: Call,
  kind: { readonly blinded: boolean; readonly valueWei: bigint },
  type: { serialize(value: T): Uint8Array; toJson(value: T): unknown },
  value: T,
): Response {
  const headers = {
    "eth-consensus-version": FORK_NAME,
    "eth-execution-payload-blinded": String(kind.blinded),
    "eth-execution-payload-value": String(kind.valueWei),
    "eth-consensus-block-value": String(CONSENSUS_VALUE_WEI),
  };
  if (acceptsSsz(request)) return ssz(type.serialize(value), headers);
  return json(
    200,
    {
      version: FORK_NAME,
      execution_payload_blinded: kind.blinded,
      execution_payload_value: String(kind.valueWei),
      consensus_block_value: String(CONSENSUS_VALUE_WEI),
      data: type.toJson(value),
    },
    headers,
  );
}

async function publish(call: Call): Promise<Response> {
  const { signedBlock } = await readSigned(call, types.fulu.SignedBlockContents);
  return take(call, signedBlock, false);
}

/** A blinded block names its payload by hash; the chain puts the payload back that it offered. */
async function publishBlinded(call: Call): Promise<Response> {
  const signed: SignedBlinded = await readSigned(call, types.fulu.SignedBlindedBeaconBlock);
  const { executionPayloadHeader, ...body } = signed.message.body;
  const offer = call.world.payloads.get(toHex(executionPayloadHeader.blockHash));
  if (offer === undefined) {
    refused(call.world, "block", "payload was never offered", call.at, signed.message.proposerIndex);
    throw badRequest("block: payload was never offered");
  }
  const message: Block = { ...signed.message, body: { ...body, executionPayload: offer.payload } };
  return take(call, { message, signature: signed.signature }, true);
}

async function take(call: Call, signed: fulu.SignedBeaconBlock, blinded: boolean): Promise<Response> {
  const outcome = await acceptBlock(call.world, signed, { at: call.at, blinded });
  if (!outcome.accepted) throw badRequest(`block: ${outcome.reason}`);
  return done();
}

async function readSigned<T>(
  { request }: Call,
  type: {
    readonly typeName: string;
    fromJson(json: unknown): T;
    deserialize(bytes: Uint8Array): T;
  },
): Promise<T> {
  checkVersion(request);
  if (!isSszBody(request)) return fromJson(type, await readJson(request), "body");
  const bytes = await readBytes(request);
  let value: T;
  try {
    value = type.deserialize(bytes);
  } catch (error) {
    throw badRequest(
      `body is not a ${type.typeName}: ${error instanceof Error ? error.message.slice(0, 200) : "unreadable"}`,
    );
  }
  if (hasBadNumber(value)) throw badRequest(`body is not a ${type.typeName}: a number is out of range`);
  return value;
}
