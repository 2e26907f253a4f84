import { fromHex, toHex } from "../../base/index.ts";
import {
  createCluster,
  GWEI_PER_ETH,
  networkByName,
  networks,
  readKeystores,
  shortKey,
  type Version,
  writeClusterFolders,
} from "../../cluster/index.ts";
import { readTestnet } from "../run-config.ts";
import { type Chosen, UsageError } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** Makes a whole cluster: one folder per node. */
export async function createClusterCommand({ chosen, io }: CommandInput): Promise<void> {
  const network = readNetwork(chosen);
  const splitting = chosen.flag("split-existing-keys");
  if (!splitting && chosen.number("num-validators") === 0)
    throw new UsageError("cli/usage", "nothing to make", {
      hint: "Give --num-validators for new keys, or --split-existing-keys with --split-keys-dir.",
    });
  if (splitting && chosen.number("num-validators") !== 0)
    throw new UsageError("cli/usage", "--num-validators goes with new keys only", {
      hint: "Leave it out when splitting existing keys.",
    });
  if (splitting) chosen.require("split-keys-dir");
  const keys = splitting
    ? (await readKeystores(chosen.text("split-keys-dir"))).map((keystore) => keystore.secret)
    : { newKeys: chosen.number("num-validators") };
  const folder = chosen.text("cluster-dir");
  const created = createCluster({
    name: chosen.text("name"),
    version: chosen.text("definition-version") as Version,
    operatorCount: chosen.number("nodes"),
    ...(chosen.number("threshold") === 0 ? {} : { threshold: chosen.number("threshold") }),
    forkVersion: fromHex(network.genesisForkVersion, 4),
    // Split keys may have registered before; a later time supersedes that.
    registrationTime: splitting ? Math.floor(Date.now() / 1000) : network.genesisTime,
    feeRecipients: chosen.list("fee-recipient-addresses"),
    withdrawalAddresses: chosen.list("withdrawal-addresses"),
    ...(chosen.list("deposit-amounts").length === 0
      ? {}
      : {
          depositAmounts: chosen.list("deposit-amounts").map((eth) => Math.round(Number(eth) * GWEI_PER_ETH)),
        }),
    compounding: chosen.flag("compounding"),
    targetGasLimit: chosen.number("target-gas-limit"),
    keys,
    timestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  });
  let told = 0;
  await writeClusterFolders(
    folder,
    created,
    { insecureKeys: chosen.flag("insecure-keys"), networkName: network.name },
    (done, of) => {
      if (of > 40 && Math.floor((10 * done) / of) > told) io.err(`  ${done} of ${of} keystores\n`);
      told = Math.floor((10 * done) / of);
    },
  );
  const { lock } = created;
  if (chosen.flag("json")) {
    io.out(
      `${JSON.stringify({ folder, lockHash: toHex(lock.lockHash), nodes: created.nodeKeys.length, threshold: lock.definition.threshold, validators: lock.validators.map((validator) => toHex(validator.publicKey)) })}\n`,
    );
    return;
  }
  const shown = lock.validators.slice(0, 4).map((validator) => `  ${shortKey(validator.publicKey)}`);
  const more =
    lock.validators.length > shown.length ? [`  … and ${lock.validators.length - shown.length} more`] : [];
  io.out(
    [
      `Made a cluster of ${created.nodeKeys.length} nodes; any ${lock.definition.threshold} of them sign for`,
      ...shown,
      ...more,
      `on ${network.name}. One folder per node: ${created.nodeKeys.map((_, i) => `${folder}/node${i}`).join(", ")}`,
      "",
      "The whole keys existed on this machine just now. If the machine is not trusted, use a ceremony instead.",
      splitting
        ? "Stop every other program that signs with these keys before you start the cluster. Its nodes watch the chain and sign nothing until two epochs after."
        : "",
      "Next: move each folder to its operator's machine, then there: trireme run --data-dir <folder> --beacon-node-endpoints <url> --p2p-peers …",
      "",
    ]
      .filter((line, i, all) => line !== "" || all[i - 1] !== "")
      .join("\n"),
  );
}

function readNetwork(chosen: Chosen): {
  readonly name: string;
  readonly genesisForkVersion: string;
  readonly genesisTime: number;
} {
  const testnet = readTestnet(chosen);
  if (testnet !== undefined)
    return {
      name: testnet.name,
      genesisForkVersion: testnet.forkVersion,
      genesisTime: testnet.genesisTimestamp,
    };
  const name = chosen.text("network");
  const known = networkByName(name);
  if (known === undefined) {
    throw new UsageError(
      "cli/usage",
      name === "" ? "--network is missing" : `--network is "${name.slice(0, 40)}"`,
      {
        hint: `Write one of ${networks.map((network) => network.name).join(", ")}, or describe your own with the four --testnet flags.`,
      },
    );
  }
  return known;
}
