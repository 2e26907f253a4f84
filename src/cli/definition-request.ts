import { fromHex } from "../base/index.ts";
import {
  type DefinitionRequest,
  defaultThreshold,
  GWEI_PER_ETH,
  type Network,
  networkByName,
  networks,
  type Version,
} from "../cluster/index.ts";
import type { Io } from "./commands/index.ts";
import { readTestnet } from "./run-config.ts";
import { type Chosen, UsageError } from "./settings.ts";

/** A network of one's own, from the four --testnet flags; undefined without them. */
export function customNetwork(chosen: Chosen): Network | undefined {
  const testnet = readTestnet(chosen);
  if (testnet === undefined) return undefined;
  return {
    name: testnet.name,
    chainId: testnet.chainId,
    genesisForkVersion: testnet.forkVersion as Network["genesisForkVersion"],
    genesisTime: testnet.genesisTimestamp,
  };
}

/** The network that is meant; one's own goes before --network. @throws UsageError */
export function readNetwork(chosen: Chosen): Network {
  const custom = customNetwork(chosen);
  if (custom !== undefined) return custom;
  const name = chosen.text("network");
  const known = networkByName(name);
  if (known !== undefined) return known;
  throw new UsageError(
    "cli/usage",
    name === "" ? "--network is missing" : `--network is "${name.slice(0, 40)}"`,
    {
      hint: `Write one of ${networks.map((network) => network.name).join(", ")}, or describe your own with the four --testnet flags.`,
    },
  );
}

/** What `definitionFlags` say, for the cluster room to check. */
export function readDefinitionRequest(
  chosen: Chosen,
  network: Network,
  now: Date,
): Omit<DefinitionRequest, "operators" | "validators"> {
  const amounts = chosen.list("deposit-amounts");
  return {
    name: chosen.text("name"),
    version: chosen.text("definition-version") as Version,
    ...(chosen.number("threshold") === 0 ? {} : { threshold: chosen.number("threshold") }),
    forkVersion: fromHex(network.genesisForkVersion, 4),
    feeRecipients: chosen.list("fee-recipient-addresses"),
    withdrawalAddresses: chosen.list("withdrawal-addresses"),
    ...(amounts.length === 0
      ? {}
      : { depositAmounts: amounts.map((eth) => Math.round(Number(eth) * GWEI_PER_ETH)) }),
    compounding: chosen.flag("compounding"),
    targetGasLimit: chosen.number("target-gas-limit"),
    consensusProtocol: chosen.text("consensus-protocol"),
    timestamp: now.toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

export function warnOfThreshold(threshold: number, operatorCount: number, { err }: Pick<Io, "err">): void {
  const customary = defaultThreshold(operatorCount);
  if (threshold !== customary)
    err(
      `warning: any ${threshold} of ${operatorCount} operators sign; customary is ${customary}, below which faulty operators can do more harm and above which fewer may fail.\n`,
    );
}
