import { toHex } from "../../base/index.ts";
import {
  combineFolders,
  contractQuestions,
  type Lock,
  refuseExisting,
  verifyLock,
  writeCombined,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import { customNetwork } from "../definition-request.ts";
import { formatError } from "../main.ts";
import { warnOfDrafts } from "../new-file.ts";
import { executionEndpoint } from "../run-config.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Brings key shares back together. */
export async function combine({ chosen, io }: CommandInput): Promise<void> {
  const custom = customNetwork(chosen);
  const endpoint = executionEndpoint(chosen);
  const checkLock = async (lock: Lock, path: string): Promise<void> => {
    try {
      verifyLock(lock, custom, await askContracts(endpoint, contractQuestions(lock.definition, custom)));
    } catch (error) {
      if (!chosen.flag("no-verify")) throw error;
      io.err(`warning: ${path} does not verify. ${formatError(error, false)}`);
    }
  };
  const folder = chosen.text("output-dir");
  refuseExisting(folder, "write the combined keys");
  warnOfDrafts(folder, io);
  const combined = await combineFolders(chosen.text("cluster-dir"), checkLock, (home) =>
    io.err(`opening the key shares in ${home}\n`),
  );
  // Stopped half way it leaves no whole key behind.
  const { signal, release } = stopSignals({
    advice: "No whole key is left behind; the same command begins anew.",
  });
  await writeCombined(folder, combined.secrets, () => signal.throwIfAborted());
  release();
  if (chosen.flag("json")) {
    io.out(
      `${JSON.stringify({ folder, validators: combined.secrets.map((secret) => toHex(secret.publicKey())), sharesUsed: combined.used })}\n`,
    );
    return;
  }
  io.out(
    `Combined ${combined.used.length} shares to ${combined.secrets.length} whole keys in ${folder}.\nThese are full validator keys: stop the cluster for good before anything else signs with them, or the validators will be slashed.\n`,
  );
}
