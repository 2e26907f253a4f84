import { fromHex } from "../../base/index.ts";
import { SYNC_SUBCOMMITTEES, ssz } from "../../spec/index.ts";
import { LIMITS } from "../limits.ts";
import { CodecError } from "./codec-error.ts";
import { forkOfNumber, readEnvelope, type WireFork, writeEnvelope } from "./envelope.ts";
import { typeNamed } from "./fork-types.ts";
import { decodeEither, decodeJson, encodeJson, integerOf, member, type SszType } from "./parse.ts";

// Encodings of the kinds that are one SSZ container, with or without a fork number before it.

export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** @throws CodecError */
  decode(bytes: Uint8Array): T;
}

/** Written as SSZ, read as SSZ or JSON. */
export function sszCodec<T>(what: string, type: SszType<T>): Codec<T> {
  const encode = (value: T): Uint8Array => type.serialize(value);
  const decode = (bytes: Uint8Array): T => type.deserialize(bytes.slice());
  return {
    encode,
    decode: (bytes) => decodeEither(bytes, what, { decode, encode }, (json) => type.fromJson(json)),
  };
}

/** Written as JSON with its members in the order of the container, read as JSON. */
export function jsonCodec<T>(what: string, type: SszType<T>): Codec<T> {
  return {
    encode: (value) => encodeJson(type.toJson(value)),
    decode: (bytes) => decodeSmall(bytes, what, (json) => type.fromJson(json)),
  };
}

/** JSON of a few members. More bytes than that takes are spaces or members that nobody knows, and would be kept with it. */
function decodeSmall<T>(bytes: Uint8Array, what: string, read: (json: unknown) => T): T {
  if (bytes.length > LIMITS.smallJsonBytesMax)
    throw new CodecError("duty/malformed", `decode ${what}: longer than it can be`, {
      facts: { bytes: bytes.length },
    });
  return decodeJson(bytes, what, read);
}

export interface Versioned<T> {
  readonly fork: WireFork;
  readonly value: T;
}

/**
 * @param container - Its name in the specification; each fork has its own.
 * @param jsonName - The member that holds it in JSON.
 */
export function versionedCodec<T>(what: string, jsonName: string, container: string): Codec<Versioned<T>> {
  const typeOf = (fork: WireFork): SszType<T> => typeNamed(fork, container);
  const encode = ({ fork, value }: Versioned<T>): Uint8Array =>
    writeEnvelope("plain", fork, 0, typeOf(fork).serialize(value));
  const decode = (bytes: Uint8Array): Versioned<T> => {
    const { fork, body } = readEnvelope("plain", bytes);
    return { fork, value: typeOf(fork).deserialize(body.slice()) };
  };
  return {
    encode,
    decode: (bytes) =>
      decodeEither(bytes, what, { decode, encode }, (json) => {
        const fork = forkOfNumber(integerOf(member(json, "version")));
        return { fork, value: typeOf(fork).fromJson(member(json, jsonName)) };
      }),
  };
}

/** One SSZ container, or a JSON array of them when a validator is in several subcommittees (Charon 1.11). */
export function oneOrMoreCodec<T>(what: string, type: SszType<T>): Codec<readonly T[]> {
  const encode = (values: readonly T[]): Uint8Array =>
    values.length === 1 && values[0] !== undefined
      ? type.serialize(values[0])
      : encodeJson(values.map((value) => type.toJson(value)));
  const decode = (bytes: Uint8Array): readonly T[] => [type.deserialize(bytes.slice())];
  return {
    encode,
    decode: (bytes) =>
      decodeEither(bytes, what, { decode, encode }, (json) => {
        if (!Array.isArray(json)) return [type.fromJson(json)];
        if (json.length > SYNC_SUBCOMMITTEES) throw new Error("more than there are subcommittees");
        return json.map((value) => type.fromJson(value));
      }),
  };
}

export interface BeaconCommitteeSelection {
  readonly validatorIndex: number;
  readonly slot: number;
  readonly selectionProof: Uint8Array;
}
export interface SyncCommitteeSelection extends BeaconCommitteeSelection {
  readonly subcommitteeIndex: number;
}

export const beaconSelectionCodec: Codec<BeaconCommitteeSelection> = {
  encode: (value) =>
    encodeJson({
      validator_index: String(value.validatorIndex),
      slot: String(value.slot),
      selection_proof: ssz.BLSSignature.toJson(value.selectionProof),
    }),
  decode: (bytes) => decodeSmall(bytes, "committee selection", readSelection),
};

export const syncSelectionCodec: Codec<SyncCommitteeSelection> = {
  encode: (value) =>
    encodeJson({
      validator_index: String(value.validatorIndex),
      slot: String(value.slot),
      subcommittee_index: String(value.subcommitteeIndex),
      selection_proof: ssz.BLSSignature.toJson(value.selectionProof),
    }),
  decode: (bytes) =>
    decodeSmall(bytes, "sync committee selection", (json) => ({
      ...readSelection(json),
      subcommitteeIndex: integerOf(member(json, "subcommittee_index")),
    })),
};

function readSelection(json: unknown): BeaconCommitteeSelection {
  return {
    validatorIndex: integerOf(member(json, "validator_index")),
    slot: integerOf(member(json, "slot")),
    selectionProof: fromHex(String(member(json, "selection_proof")), 96),
  };
}

/** A bare signature: JSON of Go's bytes, which is base64 in quotes. */
export const bareSignatureCodec: Codec<Uint8Array> = {
  encode: (value) => encodeJson(Buffer.from(value).toString("base64")),
  decode: (bytes) =>
    decodeSmall(bytes, "signature", (json) => {
      if (typeof json !== "string") throw new Error("not a text");
      return new Uint8Array(Buffer.from(json, "base64"));
    }),
};

interface Registration {
  readonly version: number;
  readonly registration: ReturnType<typeof ssz.bellatrix.SignedValidatorRegistrationV1.defaultValue>;
}

export type { Registration };

export const registrationCodec: Codec<Registration> = {
  encode: ({ version, registration }) =>
    encodeJson({ version, registration: ssz.bellatrix.SignedValidatorRegistrationV1.toJson(registration) }),
  decode: (bytes) =>
    decodeSmall(bytes, "builder registration", (json) => {
      const version = integerOf(member(json, "version"));
      if (version !== 0) throw new Error("unknown version");
      return {
        version,
        registration: ssz.bellatrix.SignedValidatorRegistrationV1.fromJson(member(json, "registration")),
      };
    }),
};
