import { ACTIVE_PRESET, activePreset, type BeaconPreset } from "@lodestar/params";
import { SpecError } from "./chain-spec.ts";

/** What containers that we hash are made of, and how long a sync committee sits; the rest of a preset is the state's. */
const OURS = [
  "MAX_VALIDATORS_PER_COMMITTEE",
  "MAX_COMMITTEES_PER_SLOT",
  "SYNC_COMMITTEE_SIZE",
  "EPOCHS_PER_SYNC_COMMITTEE_PERIOD",
  "MAX_PROPOSER_SLASHINGS",
  "MAX_ATTESTER_SLASHINGS",
  "MAX_ATTESTER_SLASHINGS_ELECTRA",
  "MAX_ATTESTATIONS",
  "MAX_ATTESTATIONS_ELECTRA",
  "MAX_DEPOSITS",
  "MAX_VOLUNTARY_EXITS",
  "MAX_BLS_TO_EXECUTION_CHANGES",
  "MAX_BLOB_COMMITMENTS_PER_BLOCK",
  "MAX_BYTES_PER_TRANSACTION",
  "MAX_TRANSACTIONS_PER_PAYLOAD",
  "MAX_WITHDRAWALS_PER_PAYLOAD",
  "MAX_EXTRA_DATA_BYTES",
  "BYTES_PER_LOGS_BLOOM",
  "MAX_DEPOSIT_REQUESTS_PER_PAYLOAD",
  "MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD",
  "MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD",
] as const satisfies readonly (keyof BeaconPreset)[];

/**
 * The containers of a process are those of one preset, fixed when they are loaded. On a chain with another one the roots of
 * blocks would be wrong, and so would every signature of one.
 *
 * @param raw - `data` of `/eth/v1/config/spec`; what it leaves out is not compared.
 * @throws SpecError `spec/preset-differs`
 */
export function requireSamePreset(raw: Readonly<Record<string, string>>): void {
  const differs = OURS.flatMap((name) => {
    const theirs = raw[name];
    return theirs === undefined || Number(theirs) === activePreset[name]
      ? []
      : [`${name}: ${theirs} on the chain, ${activePreset[name]} here`];
  });
  if (differs.length === 0) return;
  throw new SpecError("spec/preset-differs", "use the chain's containers", {
    facts: { preset: ACTIVE_PRESET, differs },
    hint: "Trireme knows the presets mainnet and gnosis, and takes the one of the cluster lock's network. For a network of your own set LODESTAR_PRESET to the one that it was made from.",
  });
}
