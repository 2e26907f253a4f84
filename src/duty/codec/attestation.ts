import { concatBytes, fromHex, toHex } from "../../base/index.ts";
import type { AttesterDuty } from "../../ports/index.ts";
import {
  type Attestation,
  BitArray,
  type ChainSpec,
  domainAt,
  type GroupKey,
  isForkPostElectra,
  type phase0,
  type Root,
  signingRoot,
  ssz,
  type ValidatorIndex,
} from "../../spec/index.ts";
import { forkOfNumber, readEnvelope, type WireFork, writeEnvelope } from "./envelope.ts";
import { typeNamed } from "./fork-types.ts";
import { decodeEither, integerOf, member, type SszType } from "./parse.ts";

/** What the cluster agrees on for one attester: the vote and the duty it belongs to. */
export interface UnsignedAttestation {
  readonly data: phase0.AttestationData;
  readonly duty: AttesterDuty;
}

/** A vote with a signature; the index was left out by Charon 1.3.0 to 1.4.1. */
export interface SignedAttestation {
  readonly fork: WireFork;
  readonly validatorIndex: ValidatorIndex | undefined;
  readonly attestation: Attestation;
}

/** @spec phase0/beacon-chain.md#time-parameters-1 (both presets have room for it in the type) */
export const MAX_COMMITTEES_PER_SLOT: number = ssz.electra.CommitteeBits.lengthBits;
const DATA_BYTES = 128;
const DUTY_BYTES = 48 + 6 * 8;
const OFFSETS_BYTES = 8;

/** Two offsets, the vote, the duty: all of fixed size, and yet with offsets (core/ssz.go). */
export function encodeUnsignedAttestation({ data, duty }: UnsignedAttestation): Uint8Array {
  const offsets = new DataView(new ArrayBuffer(OFFSETS_BYTES));
  offsets.setUint32(0, OFFSETS_BYTES, true);
  offsets.setUint32(4, OFFSETS_BYTES + DATA_BYTES, true);
  const numbers = new DataView(new ArrayBuffer(6 * 8));
  const fields = [
    duty.slot,
    duty.validatorIndex,
    duty.committeeIndex,
    duty.committeeLength,
    duty.committeesAtSlot,
    duty.validatorCommitteeIndex,
  ];
  for (const [i, field] of fields.entries()) numbers.setBigUint64(8 * i, BigInt(field), true);
  return concatBytes(
    new Uint8Array(offsets.buffer),
    ssz.phase0.AttestationData.serialize(data),
    fromHex(duty.pubkey, 48),
    new Uint8Array(numbers.buffer),
  );
}

export function decodeUnsignedAttestation(bytes: Uint8Array): UnsignedAttestation {
  const codec = { decode: readUnsigned, encode: encodeUnsignedAttestation };
  return decodeEither(bytes, "attestation data", codec, readUnsignedJson);
}

function readUnsigned(bytes: Uint8Array): UnsignedAttestation {
  if (bytes.length !== OFFSETS_BYTES + DATA_BYTES + DUTY_BYTES) throw new Error("another size");
  const duty = bytes.subarray(OFFSETS_BYTES + DATA_BYTES);
  const view = new DataView(duty.buffer, duty.byteOffset + 48, 6 * 8);
  const number = (i: number): number => Number(view.getBigUint64(8 * i, true));
  return {
    data: ssz.phase0.AttestationData.deserialize(bytes.slice(OFFSETS_BYTES, OFFSETS_BYTES + DATA_BYTES)),
    duty: {
      pubkey: toHex(duty.subarray(0, 48)) as GroupKey,
      slot: number(0),
      validatorIndex: number(1),
      committeeIndex: number(2),
      committeeLength: number(3),
      committeesAtSlot: number(4),
      validatorCommitteeIndex: number(5),
    },
  };
}

function readUnsignedJson(json: unknown): UnsignedAttestation {
  const duty = member(json, "attestation_duty");
  const number = (name: string): number => integerOf(member(duty, name));
  return {
    data: ssz.phase0.AttestationData.fromJson(member(json, "attestation_data")),
    duty: {
      pubkey: toHex(fromHex(String(member(duty, "pubkey")), 48)) as GroupKey,
      slot: number("slot"),
      validatorIndex: number("validator_index"),
      committeeIndex: number("committee_index"),
      committeeLength: number("committee_length"),
      committeesAtSlot: number("committees_at_slot"),
      validatorCommitteeIndex: number("validator_committee_index"),
    },
  };
}

const typeOf = (fork: WireFork): SszType<Attestation> => typeNamed(fork, "Attestation");

export function encodeSignedAttestation({
  fork,
  validatorIndex,
  attestation,
}: SignedAttestation): Uint8Array {
  const body = typeOf(fork).serialize(attestation);
  return validatorIndex === undefined
    ? writeEnvelope("plain", fork, 0, body)
    : writeEnvelope("validator-index", fork, validatorIndex, body);
}

export function decodeSignedAttestation(bytes: Uint8Array): SignedAttestation {
  const codec = { decode: readSigned, encode: encodeSignedAttestation };
  return decodeEither(bytes, "attestation", codec, readSignedJson);
}

function readSigned(bytes: Uint8Array): SignedAttestation {
  // Without an index the offset of the body, 12, stands where the index would begin.
  const indexed = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(16, true) === 20;
  const { fork, extra, body } = readEnvelope(indexed ? "validator-index" : "plain", bytes);
  return {
    fork,
    validatorIndex: indexed ? extra : undefined,
    attestation: typeOf(fork).deserialize(body.slice()),
  };
}

function readSignedJson(json: unknown): SignedAttestation {
  const fork = forkOfNumber(integerOf(member(json, "version")));
  const index = member(json, "validator_index");
  return {
    fork,
    validatorIndex: index === null || index === undefined ? undefined : integerOf(index),
    attestation: typeOf(fork).fromJson(member(json, "attestation")),
  };
}

export function attestationSigningRoot(chain: ChainSpec, data: phase0.AttestationData): Root {
  return signingRoot(
    ssz.phase0.AttestationData.hashTreeRoot(data),
    domainAt(chain, "attester", data.target.epoch),
  );
}

/** One validator's vote as a partial signature carries it: one bit in the committee, from Electra on one committee. */
export function singleVote(
  fork: WireFork,
  { data, duty }: UnsignedAttestation,
  signature: Uint8Array,
): SignedAttestation {
  const aggregationBits = BitArray.fromSingleBit(duty.committeeLength, duty.validatorCommitteeIndex);
  const attestation = isForkPostElectra(fork)
    ? {
        aggregationBits,
        data,
        signature,
        committeeBits: BitArray.fromSingleBit(MAX_COMMITTEES_PER_SLOT, duty.committeeIndex),
      }
    : { aggregationBits, data, signature };
  return { fork, validatorIndex: duty.validatorIndex, attestation };
}
