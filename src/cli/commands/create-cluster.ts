import { toHex } from "../../base/index.ts";
import {
  checkRequest,
  createCluster,
  hasRealMoney,
  readKeysToSplit,
  shortKey,
  writeClusterFolders,
} from "../../cluster/index.ts";
import type { SecretKey } from "../../crypto/index.ts";
import { readDefinitionRequest, readNetwork, warnOfThreshold } from "../definition-request.ts";
import { warnOfDrafts } from "../new-file.ts";
import { UsageError } from "../settings.ts";
import { stopSignals } from "../stop-signals.ts";
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
  if (chosen.flag("insecure-keys") && hasRealMoney(network.name))
    throw new UsageError("cli/usage", `--insecure-keys on ${network.name}`, {
      hint: "Anybody who sees such a keystore can open it. Leave the flag out.",
    });
  const request = readDefinitionRequest(chosen, network, new Date());
  const operatorCount = chosen.number("nodes");
  // Before thousands of keystores are opened.
  const threshold = checkRequest(request, {
    operatorCount,
    validatorCount: splitting ? undefined : chosen.number("num-validators"),
  });
  const keys = splitting
    ? await keysToSplit(chosen.text("split-keys-dir"), io)
    : { newKeys: chosen.number("num-validators") };
  const folder = chosen.text("cluster-dir");
  warnOfDrafts(folder, io);
  warnOfThreshold(threshold, operatorCount, io);
  const created = createCluster({
    ...request,
    operatorCount,
    // Split keys may have registered before; a later time supersedes that.
    registrationTime: splitting ? Math.floor(Date.now() / 1000) : network.genesisTime,
    keys,
  });
  let told = 0;
  // Stopped half way it leaves no key behind.
  const { signal, release } = stopSignals({ advice: "No key is left behind; the same command begins anew." });
  await writeClusterFolders(
    folder,
    created,
    { insecureKeys: chosen.flag("insecure-keys"), networkName: network.name },
    (done, of) => {
      signal.throwIfAborted();
      if (of > 40 && Math.floor((10 * done) / of) > told) io.err(`  ${done} of ${of} keystores\n`);
      told = Math.floor((10 * done) / of);
    },
  );
  release();
  const { lock } = created;
  if (lock.validators.some(({ deposits }) => deposits.length === 0))
    io.err("warning: files before v1.6.0 have no room for deposit data, so none was written\n");
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
        ? "Stop every other program that signs with these keys before you start the cluster. Its nodes watch the chain and sign nothing until two epochs after. Deposit data was made again: do not deposit for validators that are active already."
        : "",
      "Next: move each folder to its operator's machine, then there: trireme run --data-dir <folder> --beacon-node-endpoints <url> --p2p-peers …",
      "",
    ]
      .filter((line, i, all) => line !== "" || all[i - 1] !== "")
      .join("\n"),
  );
}

/** Names each key, since addresses of each validator go by this order. */
async function keysToSplit(folder: string, io: CommandInput["io"]): Promise<readonly SecretKey[]> {
  const { keys, passedOver } = await readKeysToSplit(folder);
  for (const path of passedOver) io.err(`passed over ${path}: it is no keystore\n`);
  for (const [i, { file, secret }] of keys.entries())
    io.err(`validator ${i}: ${shortKey(secret.publicKey())} from ${file}\n`);
  return keys.map(({ secret }) => secret);
}
