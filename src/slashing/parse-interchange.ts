import { explain, fromHex } from "../base/index.ts";
import type { GroupKey, Root } from "../spec/index.ts";
import { type Interchange, mergeInterchanges, SlashingError, type ValidatorRecord } from "./interchange.ts";
import { interchangeLimits } from "./limits.ts";
import type { SignedAttestation, SignedBlock } from "./votes.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads an interchange file, format version 5, strictly: the first thing that is not as EIP-3076 says ends it, and nothing
 * of the file is used. Entries of one validator are joined; fields we do not know are passed over.
 *
 * @throws SlashingError `slashing/bad-interchange` - facts name the place (`at`) and what was wanted there.
 * @spec EIP-3076 "JSON Schema"
 */
export function parseInterchange(text: string): Interchange {
  if (text.length > interchangeLimits.textCharactersMax) {
    throw bad("the file", `at most ${interchangeLimits.textCharactersMax} characters`);
  }
  const file = fields(parseJson(text), "the file");
  const metadata = fields(file["metadata"], "metadata");
  if (metadata["interchange_format_version"] !== "5") {
    throw bad("metadata.interchange_format_version", 'the text "5"');
  }
  const genesisValidatorsRoot = bytes(
    metadata["genesis_validators_root"],
    32,
    "metadata.genesis_validators_root",
  );
  const validators = list(file["data"], "data", interchangeLimits.validatorsMax).map((entry, i) =>
    parseValidator(entry, `data[${i}]`),
  );
  return mergeInterchanges({ genesisValidatorsRoot, validators });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad("the file", `JSON (${explain(error)})`);
  }
}

function parseValidator(value: unknown, at: string): ValidatorRecord {
  const entry = fields(value, at);
  const max = interchangeLimits.votesPerValidatorMax;
  const pubkey = bytes(entry["pubkey"], 48, `${at}.pubkey`);
  return {
    pubkey: `0x${Buffer.from(pubkey).toString("hex")}` as GroupKey,
    blocks: list(entry["signed_blocks"], `${at}.signed_blocks`, max).map((block, i) =>
      parseBlock(block, `${at}.signed_blocks[${i}]`),
    ),
    attestations: list(entry["signed_attestations"], `${at}.signed_attestations`, max).map((vote, i) =>
      parseAttestation(vote, `${at}.signed_attestations[${i}]`),
    ),
  };
}

function parseBlock(value: unknown, at: string): SignedBlock {
  const block = fields(value, at);
  return { slot: number(block["slot"], `${at}.slot`), ...rootOf(block, at) };
}

function parseAttestation(value: unknown, at: string): SignedAttestation {
  const vote = fields(value, at);
  return {
    source: number(vote["source_epoch"], `${at}.source_epoch`),
    target: number(vote["target_epoch"], `${at}.target_epoch`),
    ...rootOf(vote, at),
  };
}

function rootOf(entry: Fields, at: string): { readonly signingRoot?: Root } {
  const root = entry["signing_root"];
  return root === undefined ? {} : { signingRoot: bytes(root, 32, `${at}.signing_root`) };
}

function fields(value: unknown, at: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(at, "an object");
  return value as Fields;
}

function list(value: unknown, at: string, max: number): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(at, "a list");
  if (value.length > max) throw bad(at, `a list of at most ${max} entries`);
  return value as readonly unknown[];
}

/** The file's numbers are decimal texts of 64 bits; ours end at 2^53 - 1, far beyond any slot that can come. */
function number(value: unknown, at: string): number {
  const parsed =
    typeof value === "string" && /^(0|[1-9][0-9]{0,19})$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(parsed)) throw bad(at, "a decimal number as text, below 2^53");
  return parsed;
}

function bytes(value: unknown, length: number, at: string): Uint8Array {
  if (typeof value !== "string" || value.length !== 2 + 2 * length || !/^0x[0-9a-fA-F]*$/.test(value)) {
    throw bad(at, `0x and ${2 * length} hexadecimal digits`);
  }
  return fromHex(value, length);
}

function bad(at: string, wanted: string): SlashingError {
  return new SlashingError(
    "slashing/bad-interchange",
    `read slashing protection at ${at}: wanted ${wanted}`,
    {
      facts: { at, wanted },
      hint: "Export the file again; nothing was imported.",
    },
  );
}
