import { acceptsSsz, badRequest, hexBytes, json, octets, param, RequestRefused } from "../http/index.ts";
import { DeskError, type Proposal, type SignedProposal } from "../ports/index.ts";
import {
  type BeaconBlock,
  type BlindedBeaconBlock,
  dutyDeadline,
  epochOf,
  type ForkName,
  ForkSeq,
  forkAt,
  type GroupKey,
  type SignedBeaconBlock,
  type SignedBlindedBeaconBlock,
  type Slot,
} from "../spec/index.ts";
import {
  type ApiCall,
  type ApiRoute,
  currentSlot,
  reasonOf,
  statusOf,
  submitAll,
  waitUntil,
} from "./context.ts";
import { bodyBytesMax } from "./limits.ts";
import { type Body, checkForkAt, forkOf, indexOf, readBody, readOne, typeOf } from "./read-body.ts";
import { numberIn } from "./upstream.ts";

/** Blocks: the client's share of the randao, the block that the cluster decided on, and the client's signature of it. */
export const blockRoutes: readonly ApiRoute[] = [
  { name: "propose_block_v3", method: "GET", path: "/eth/v3/validator/blocks/:slot", run: produceBlock },
  ...(["v1", "v2"] as const).flatMap((version): ApiRoute[] => [
    {
      name: `submit_proposal_${version}`,
      method: "POST",
      path: `/eth/${version}/beacon/blocks`,
      run: (call) => publish(call, false),
    },
    {
      name: `submit_blinded_block_${version}`,
      method: "POST",
      path: `/eth/${version}/beacon/blinded_blocks`,
      run: (call) => publish(call, true),
    },
  ]),
];

async function produceBlock(call: ApiCall): Promise<Response> {
  const { chain, desk } = call;
  const slot = numberIn(param(call, "slot"), "the slot");
  const signature = hexBytes(call.url.searchParams.get("randao_reveal"), 96, "randao_reveal");
  if (slot > currentSlot(call) + 1) throw badRequest(`slot ${slot} is more than one slot ahead`);
  const groupKey = await proposerOf(call, slot);
  const [refused] = await desk.submit(
    [{ kind: "randao", slot, groupKey, signed: { epoch: epochOf(chain, slot), signature } }],
    call.request.signal,
    call.from,
  );
  if (refused !== undefined)
    throw new RequestRefused(statusOf(refused, 400), `randao_reveal was refused: ${reasonOf(refused)}`);
  const deadline = dutyDeadline(chain, { slot, kind: "proposer" }) ?? 0;
  try {
    const decided = await waitUntil(call, deadline, "the cluster's block", (signal) =>
      desk.decided("proposer", slot, signal),
    );
    const proposal = decided.get(groupKey);
    if (proposal === undefined)
      throw new RequestRefused(503, "the cluster decided on no block that may be signed");
    return blockAnswer(call, proposal);
  } catch (error) {
    if (error instanceof DeskError) throw new RequestRefused(503, reasonOf(error));
    throw error;
  }
}

/** The cluster's validator that proposes in the slot. @throws RequestRefused 400 */
async function proposerOf(call: ApiCall, slot: Slot): Promise<GroupKey> {
  const { items } = await call.duties.get("proposer", epochOf(call.chain, slot), call.from);
  const { byIndex } = await call.validators.get();
  const duty = items.find((item) => Number(item["slot"]) === slot);
  const validator = duty === undefined ? undefined : byIndex.get(Number(duty["validator_index"]));
  if (validator === undefined) throw badRequest(`no validator of this cluster proposes in slot ${slot}`);
  return validator.groupKey;
}

interface Contents {
  readonly block: BeaconBlock;
  readonly kzgProofs: readonly Uint8Array[];
  readonly blobs: readonly Uint8Array[];
}

const carriesBlobs = (fork: string): boolean => ForkSeq[fork as ForkName] >= ForkSeq.deneb;

function blockAnswer(call: ApiCall, proposal: Proposal): Response {
  const fork = proposal.fork as ForkName;
  // The parts of the value are not agreed on; what stands here tells a client that there is one.
  const value = String(proposal.value ?? 0n);
  const headers = {
    "eth-consensus-version": fork,
    "eth-execution-payload-blinded": String(proposal.blinded),
    "eth-execution-payload-value": value,
    "eth-consensus-block-value": "0",
  };
  const encoded = encoderOf(proposal);
  if (acceptsSsz(call.request)) return octets(encoded.ssz(), headers);
  return json(
    200,
    {
      version: fork,
      execution_payload_blinded: proposal.blinded,
      execution_payload_value: value,
      consensus_block_value: "0",
      data: encoded.json(),
    },
    headers,
  );
}

function encoderOf(proposal: Proposal): { ssz(): Uint8Array; json(): unknown } {
  const fork = proposal.fork as ForkName;
  const of = <T>(name: string, value: T): { ssz(): Uint8Array; json(): unknown } => {
    const type = typeOf<T>(fork, name);
    return { ssz: () => type.serialize(value), json: () => type.toJson(value) };
  };
  if (proposal.blinded) return of<BlindedBeaconBlock>("BlindedBeaconBlock", proposal.block);
  const { block, kzgProofs, blobs } = proposal;
  return carriesBlobs(fork)
    ? of<Contents>("BlockContents", { block, kzgProofs, blobs })
    : of<BeaconBlock>("BeaconBlock", block);
}

/** Takes the client's signature of the cluster's block. @throws RequestRefused */
export async function publish(call: ApiCall, blinded: boolean): Promise<Response> {
  const { request, url, chain } = call;
  const body = await readBody(request, bodyBytesMax("POST", url.pathname));
  const fork = forkOfBlock(call, body);
  const signed = readSigned(body, fork, blinded);
  const { slot, proposerIndex } = signed.signedBlock.message;
  checkForkAt(chain, fork, slot);
  const validator = (await call.validators.get()).byIndex.get(proposerIndex);
  if (validator === undefined)
    throw badRequest(`proposer ${proposerIndex} is not a validator of this cluster`);
  return submitAll(call, [{ kind: "proposer", slot, groupKey: validator.groupKey, signed }]);
}

/**
 * The first version of the API asks for the header with SSZ alone, and Nimbus leaves it out: JSON says itself which slot it is of.
 *
 * @throws RequestRefused 400
 */
function forkOfBlock({ request, url, chain }: ApiCall, { ssz, content }: Body): ForkName {
  const mayBeLeftOut = !ssz && url.pathname.startsWith("/eth/v1/");
  if (!mayBeLeftOut || request.headers.has("eth-consensus-version")) return forkOf(request);
  const { signed_block: signedBlock = content } = (content ?? {}) as { readonly signed_block?: unknown };
  const { message } = (signedBlock ?? {}) as { readonly message?: { readonly slot?: unknown } | null };
  return forkAt(chain, indexOf(message?.slot, "message.slot"));
}

function readSigned(body: Body, fork: ForkName, blinded: boolean): SignedProposal {
  if (blinded) {
    const type = typeOf<SignedBlindedBeaconBlock>(fork, "SignedBlindedBeaconBlock");
    return { fork, blinded, signedBlock: readOne(body, type) };
  }
  if (carriesBlobs(fork)) {
    type Signed = Omit<Contents, "block"> & { readonly signedBlock: SignedBeaconBlock };
    return { fork, blinded, ...readOne(body, typeOf<Signed>(fork, "SignedBlockContents")) };
  }
  const signedBlock = readOne(body, typeOf<SignedBeaconBlock>(fork, "SignedBeaconBlock"));
  return { fork, blinded, signedBlock, kzgProofs: [], blobs: [] };
}
