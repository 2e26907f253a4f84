import { DvError, equalBytes, toHex } from "../base/index.ts";
import type { GroupKey, Root } from "../spec/index.ts";
import type { SignedAttestation, SignedBlock } from "./votes.ts";

export class SlashingError extends DvError<
  "slashing/bad-interchange" | "slashing/other-chain" | "slashing/other-validators"
> {}

/** What one validator is known to have signed. */
export interface ValidatorRecord {
  readonly pubkey: GroupKey;
  readonly blocks: readonly SignedBlock[];
  readonly attestations: readonly SignedAttestation[];
}

/** The content of an interchange file, format version 5. A validator appears once. */
export interface Interchange {
  /** 32 bytes; names the chain. */
  readonly genesisValidatorsRoot: Root;
  readonly validators: readonly ValidatorRecord[];
}

/** `complete`: all that is on record. `minimal`: per validator one block and one attestation that stand for all of it. */
export type InterchangeKind = "complete" | "minimal";

/** Reduces an interchange to the kind asked for. The minimal form forbids everything that the complete one forbids, and more. */
export function interchangeOf(complete: Interchange, kind: InterchangeKind): Interchange {
  return kind === "complete" ? complete : { ...complete, validators: complete.validators.map(minimal) };
}

/** @spec EIP-3076 "Minimal database strategy" */
function minimal(record: ValidatorRecord): ValidatorRecord {
  const top = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);
  const { blocks, attestations } = record;
  return {
    pubkey: record.pubkey,
    blocks: blocks.length === 0 ? [] : [{ slot: top(blocks.map((b) => b.slot)) }],
    attestations:
      attestations.length === 0
        ? []
        : [
            {
              source: top(attestations.map((a) => a.source)),
              target: top(attestations.map((a) => a.target)),
            },
          ],
  };
}

/**
 * All that either file knows, each validator and each vote once.
 *
 * @throws SlashingError `slashing/other-chain` - the files are of different chains.
 */
export function mergeInterchanges(first: Interchange, ...others: readonly Interchange[]): Interchange {
  for (const other of others) requireSameChain(first.genesisValidatorsRoot, other);
  const merged = new Map<
    GroupKey,
    { blocks: Map<string, SignedBlock>; votes: Map<string, SignedAttestation> }
  >();
  for (const { validators } of [first, ...others]) {
    for (const record of validators) {
      const into = merged.get(record.pubkey) ?? { blocks: new Map(), votes: new Map() };
      merged.set(record.pubkey, into);
      for (const b of record.blocks) into.blocks.set(`${b.slot} ${rootText(b)}`, b);
      for (const a of record.attestations) into.votes.set(`${a.source} ${a.target} ${rootText(a)}`, a);
    }
  }
  return {
    genesisValidatorsRoot: first.genesisValidatorsRoot,
    validators: [...merged].map(([pubkey, { blocks, votes }]) => ({
      pubkey,
      blocks: [...blocks.values()].toSorted((a, b) => a.slot - b.slot),
      attestations: [...votes.values()].toSorted((a, b) => a.target - b.target || a.source - b.source),
    })),
  };
}

/**
 * The same history under other keys: a validator client beside Charon keeps it by key share, we by validator. Both sign the
 * same roots. Records of keys without another name are left out.
 *
 * @throws SlashingError `slashing/other-validators` - there are records, and none of them has one.
 */
export function renamed(
  interchange: Interchange,
  nameOf: (pubkey: GroupKey) => GroupKey | undefined,
): Interchange {
  const validators = interchange.validators.flatMap((record) => {
    const pubkey = nameOf(record.pubkey);
    return pubkey === undefined ? [] : [{ ...record, pubkey }];
  });
  const [first] = interchange.validators;
  if (validators.length === 0 && first !== undefined)
    throw new SlashingError(
      "slashing/other-validators",
      "find this cluster's validators in the slashing protection",
      {
        facts: { validatorsInFile: interchange.validators.length, forExample: first.pubkey },
        hint: "The file is of other validators: neither the cluster's public keys nor its key shares are in it.",
      },
    );
  return mergeInterchanges({ ...interchange, validators });
}

/** @throws SlashingError `slashing/other-chain` - the file belongs to another chain than `ours`. */
export function requireSameChain(ours: Root, interchange: Interchange): void {
  if (equalBytes(ours, interchange.genesisValidatorsRoot)) return;
  throw new SlashingError(
    "slashing/other-chain",
    "compare genesis_validators_root of the slashing protection",
    {
      facts: { ours: toHex(ours), theirs: toHex(interchange.genesisValidatorsRoot) },
      hint: "The file was exported for another network; use one from this network.",
    },
  );
}

/** The file's text, as every client reads it: numbers as decimal strings, indented by two spaces. */
export function writeInterchange(interchange: Interchange): string {
  const file = {
    metadata: {
      interchange_format_version: "5",
      genesis_validators_root: toHex(interchange.genesisValidatorsRoot),
    },
    data: interchange.validators.map((record) => ({
      pubkey: record.pubkey,
      signed_blocks: record.blocks.map((b) => ({ slot: String(b.slot), ...rootField(b) })),
      signed_attestations: record.attestations.map((a) => ({
        source_epoch: String(a.source),
        target_epoch: String(a.target),
        ...rootField(a),
      })),
    })),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

function rootField(signed: { readonly signingRoot?: Root }): { readonly signing_root?: string } {
  return signed.signingRoot === undefined ? {} : { signing_root: toHex(signed.signingRoot) };
}

function rootText(signed: { readonly signingRoot?: Root }): string {
  return signed.signingRoot === undefined ? "" : toHex(signed.signingRoot);
}
