import { join } from "node:path";
import { counted, toHex } from "../../base/index.ts";
import {
  type Definition,
  depositAmountsOf,
  GWEI_PER_ETH,
  newDefinition,
  refuseExisting,
  writeDefinition,
} from "../../cluster/index.ts";
import { makeOutputFolder } from "../../storage/index.ts";
import { readDefinitionRequest, readNetwork, warnOfThreshold } from "../definition-request.ts";
import { writeNewFile } from "../new-file.ts";
import { type Chosen, UsageError } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** Defines a cluster, for a ceremony that makes its keys. */
export async function createDkg({ chosen, io }: CommandInput): Promise<void> {
  const network = readNetwork(chosen);
  const operators = readOperators(chosen);
  const creator = chosen.text("creator-address");
  const areSigning = operators.some(({ address }) => address !== "");
  if (areSigning !== (creator !== ""))
    throw new UsageError(
      "cli/usage",
      areSigning ? "--creator-address is missing" : "--creator-address goes with --operator-addresses",
      {
        hint: "Where operators sign the definition with their wallets, the one who made it signs too; where they do not, nobody does.",
      },
    );
  const path = join(chosen.text("output-dir"), "cluster-definition.json");
  const what = "write the definition";
  refuseExisting(path, what);
  const definition = newDefinition({
    ...readDefinitionRequest(chosen, network, new Date()),
    operators,
    ...(creator === "" ? {} : { creatorAddress: creator }),
    validators: chosen.number("num-validators"),
    dkgAlgorithm: chosen.text("dkg-algorithm"),
  });
  makeOutputFolder(chosen.text("output-dir"), 0o755);
  await writeNewFile(path, writeDefinition(definition), { what, mode: 0o444 });
  warnOfThreshold(definition.threshold, operators.length, io);
  io.out(
    chosen.flag("json")
      ? `${JSON.stringify({ path, configHash: toHex(definition.configHash), definitionHash: toHex(definition.definitionHash), threshold: definition.threshold, network: network.name })}\n`
      : summary(path, definition, network.name, areSigning),
  );
}

/** By ENR, by wallet, or both in the same order. */
function readOperators(chosen: Chosen): readonly { readonly enr: string; readonly address: string }[] {
  const enrs = chosen.list("operator-enrs");
  const addresses = chosen.list("operator-addresses");
  if (enrs.length === 0 && addresses.length === 0)
    throw new UsageError("cli/usage", "no operators", {
      hint: "Give --operator-enrs, as `trireme create enr` prints them, or --operator-addresses, if operators are to sign with wallets.",
    });
  if (enrs.length > 0 && addresses.length > 0 && enrs.length !== addresses.length)
    throw new UsageError("cli/usage", `${enrs.length} operator ENRs and ${addresses.length} addresses`, {
      hint: "Where both are given, the first ENR goes with the first address, and so on.",
    });
  return Array.from({ length: Math.max(enrs.length, addresses.length) }, (_, i) => ({
    enr: enrs[i] ?? "",
    address: addresses[i] ?? "",
  }));
}

function summary(path: string, definition: Definition, network: string, areSigning: boolean): string {
  const { operators, threshold, numValidators, compounding, creator } = definition;
  const amounts = depositAmountsOf(definition).map((gwei) => gwei / GWEI_PER_ETH);
  const next = areSigning
    ? [
        "Next: send the file to every operator. Each of them signs a copy, and so do you:",
        "  trireme definition sign --definition-file <file>",
        `  trireme definition sign --definition-file ${path} --creator     (wallet ${creator.address})`,
        "Then put the signed copies together, and send the result to everybody:",
        "  trireme definition merge <files> --output-file cluster-definition-signed.json",
        "At last, all at the same time: trireme dkg --definition-file cluster-definition-signed.json",
      ]
    : [
        "Next: send the file to every operator. Compare the definition hash by voice or another channel.",
        `Then, all at the same time, with their own node keys: trireme dkg --definition-file <file>`,
      ];
  return [
    `Wrote ${path}: ${counted(numValidators, "validator")} on ${network}, ${operators.length} operators, of whom any ${threshold} sign.`,
    `Withdrawal credentials ${compounding ? "0x02 (compounding)" : "0x01"}; deposit data for ${amounts.join(", ")} ETH.`,
    `Definition hash ${toHex(definition.definitionHash)}${areSigning ? " (changes with every signature)" : ""}`,
    `Config hash     ${toHex(definition.configHash)}`,
    "",
    ...next,
    "",
  ].join("\n");
}
