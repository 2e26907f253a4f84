import { fromHex, toHex } from "../../base/index.ts";
import {
  type DomainName,
  domainAt,
  type electra,
  epochOf,
  firstSlotOf,
  type fulu,
  type phase0,
  signingRoot,
  ssz,
} from "../../spec/index.ts";
import type { Answer, TestChain } from "./test-world.ts";

/** Signs a root for a validator of the test chain. */
export function sign(
  test: TestChain,
  validator: number,
  name: DomainName,
  epoch: number,
  objectRoot: Uint8Array,
): Uint8Array {
  return (test.keys[validator] as TestChain["keys"][number]).sign(
    signingRoot(objectRoot, domainAt(test.chain.spec, name, epoch)),
  );
}

export interface AttesterDutyJson {
  readonly validator_index: string;
  readonly slot: string;
  readonly committee_index: string;
  readonly committee_length: string;
  readonly validator_committee_index: string;
}

export async function attesterDuties(test: TestChain, epoch: number): Promise<AttesterDutyJson[]> {
  const indices = test.keys.map((_, index) => String(index));
  return (await test.post(`/eth/v1/validator/duties/attester/${epoch}`, indices)).body.data;
}

export async function attestationData(test: TestChain, slot: number): Promise<phase0.AttestationData> {
  const { body } = await test.get(`/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0`);
  return ssz.phase0.AttestationData.fromJson(body.data);
}

export function signVote(
  test: TestChain,
  validator: number,
  committeeIndex: number,
  data: phase0.AttestationData,
): electra.SingleAttestation {
  // A copy: the type keeps a computed root in the object, and a changed copy made by spreading would keep the old one.
  const root = ssz.phase0.AttestationData.hashTreeRoot(ssz.phase0.AttestationData.clone(data));
  const signature = sign(test, validator, "attester", data.target.epoch, root);
  return { committeeIndex, attesterIndex: validator, data, signature };
}

export function sendVotes(test: TestChain, votes: readonly electra.SingleAttestation[]): Promise<Answer> {
  return test.post(
    "/eth/v2/beacon/pool/attestations",
    votes.map((vote) => ssz.electra.SingleAttestation.toJson(vote)),
  );
}

/** Every watched validator with a duty in `slot` votes for what the chain offers. */
export async function attest(test: TestChain, slot: number): Promise<electra.SingleAttestation[]> {
  const duties = await attesterDuties(test, epochOf(test.chain.spec, slot));
  const mine = duties.filter((duty) => duty.slot === String(slot));
  if (mine.length === 0) return [];
  const data = await attestationData(test, slot);
  const votes = mine.map((duty) =>
    signVote(test, Number(duty.validator_index), Number(duty.committee_index), data),
  );
  const answer = await sendVotes(test, votes);
  if (answer.status !== 200) throw new Error(`votes refused: ${JSON.stringify(answer.body)}`);
  return votes;
}

export async function proposerOf(test: TestChain, slot: number): Promise<number> {
  const epoch = epochOf(test.chain.spec, slot);
  const { body } = await test.get(`/eth/v1/validator/duties/proposer/${epoch}`);
  const place = slot - firstSlotOf(test.chain.spec, epoch) - (epoch === 0 ? 1 : 0);
  return Number(body.data[place].validator_index);
}

export function randao(test: TestChain, validator: number, slot: number): Uint8Array {
  const epoch = epochOf(test.chain.spec, slot);
  return sign(test, validator, "randao", epoch, ssz.Epoch.hashTreeRoot(epoch));
}

/** The unsigned block that the chain offers for `slot`. */
export async function offeredBlock(test: TestChain, slot: number, query = ""): Promise<fulu.BeaconBlock> {
  const reveal = toHex(randao(test, await proposerOf(test, slot), slot));
  const answer = await test.get(`/eth/v3/validator/blocks/${slot}?randao_reveal=${reveal}${query}`);
  if (answer.status !== 200) throw new Error(`no block: ${JSON.stringify(answer.body)}`);
  return ssz.fulu.BlockContents.fromJson(answer.body.data).block;
}

export function signBlock(test: TestChain, message: fulu.BeaconBlock): fulu.SignedBeaconBlock {
  const epoch = epochOf(test.chain.spec, message.slot);
  const root = ssz.fulu.BeaconBlock.hashTreeRoot(ssz.fulu.BeaconBlock.clone(message));
  return { message, signature: sign(test, message.proposerIndex, "proposer", epoch, root) };
}

export function sendBlock(test: TestChain, signedBlock: fulu.SignedBeaconBlock): Promise<Answer> {
  return test.post(
    "/eth/v2/beacon/blocks",
    ssz.fulu.SignedBlockContents.toJson({ signedBlock, kzgProofs: [], blobs: [] }),
  );
}

/** The watched proposer of `slot` proposes what the chain offers. */
export async function propose(test: TestChain, slot: number): Promise<fulu.SignedBeaconBlock> {
  const signed = signBlock(test, await offeredBlock(test, slot));
  const answer = await sendBlock(test, signed);
  if (answer.status !== 200) throw new Error(`block refused: ${JSON.stringify(answer.body)}`);
  return signed;
}

/** All watched members of the sync committee vote for the head. */
export async function voteInSyncCommittee(test: TestChain, slot: number): Promise<void> {
  const { body } = await test.get("/eth/v1/beacon/blocks/head/root");
  const beaconBlockRoot = fromHex(body.data.root as string, 32);
  const epoch = epochOf(test.chain.spec, slot);
  const messages = test.keys.map((_, validatorIndex) =>
    ssz.altair.SyncCommitteeMessage.toJson({
      slot,
      beaconBlockRoot,
      validatorIndex,
      signature: sign(test, validatorIndex, "syncCommittee", epoch, beaconBlockRoot),
    }),
  );
  const answer = await test.post("/eth/v1/beacon/pool/sync_committees", messages);
  if (answer.status !== 200) throw new Error(`sync messages refused: ${JSON.stringify(answer.body)}`);
}

/** Everything the watched validators have to do in `slot`, on time. */
export async function liveSlot(test: TestChain, slot: number): Promise<void> {
  test.moveTo(slot);
  const proposer = slot === 0 ? undefined : await proposerOf(test, slot);
  if (proposer !== undefined && proposer < test.keys.length) await propose(test, slot);
  test.moveToVotes(slot);
  await attest(test, slot);
  await voteInSyncCommittee(test, slot);
}
