import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../base/index.ts";
import {
  ClusterError,
  type Definition,
  type Network,
  parseDefinition,
  verifyDefinitionHashes,
  verifyDefinitionSignatures,
} from "../../cluster/index.ts";
import { createLogger, runCeremony } from "../../node/index.ts";
import { showCeremony } from "../ceremony-screen.ts";
import { readTestnet } from "../run-config.ts";
import type { Chosen } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** Takes part in the ceremony of a definition. */
export async function dkg({ chosen, io }: CommandInput): Promise<void> {
  const dataDir = chosen.text("data-dir");
  const testnet = readTestnet(chosen);
  const custom: Network | undefined =
    testnet === undefined
      ? undefined
      : {
          name: testnet.name,
          chainId: testnet.chainId,
          genesisForkVersion: testnet.forkVersion as Network["genesisForkVersion"],
          genesisTime: testnet.genesisTimestamp,
        };
  const definition = readDefinition(chosen, custom, io);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("asked to stop"));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  let end = (): void => {};
  const isLive = process.stderr.isTTY === true;
  const log = createLogger({
    level: isLive ? "error" : (chosen.text("log-level") as "info"),
    format: chosen.text("log-format") as "console",
    color: chosen.text("log-color") === "force" || (chosen.text("log-color") === "auto" && isLive),
    write: io.err,
  });
  try {
    await runCeremony(
      {
        dataDir,
        definition,
        custom,
        noVerify: chosen.flag("no-verify"),
        p2pTcpAddresses: chosen.list("p2p-tcp-address"),
        p2pExternalIp: chosen.text("p2p-external-ip"),
        p2pExternalHostname: chosen.text("p2p-external-hostname"),
        p2pRelays: chosen.list("p2p-relays"),
        p2pPeers: chosen.list("p2p-peers"),
        nickname: chosen.text("nickname").slice(0, 32),
        shutdownDelayMs: chosen.number("shutdown-delay"),
      },
      {
        log,
        watch: (progress) => {
          end = showCeremony(progress, {
            write: io.err,
            columns: isLive ? process.stderr.columns : undefined,
          });
        },
      },
      stopping.signal,
    );
  } finally {
    end();
    process.removeListener("SIGTERM", stop);
    process.removeListener("SIGINT", stop);
  }
  io.out(`The ceremony is complete: ${definition.numValidators} validators, definition ${toHex(definition.definitionHash)}.
In ${dataDir}: cluster-lock.json, validator_keys, deposit data. Back up the folder now.
Next: trireme run --data-dir ${dataDir} --beacon-node-endpoints <url>
`);
}

function readDefinition(chosen: Chosen, custom: Network | undefined, io: CommandInput["io"]): Definition {
  const path = chosen.textOr("definition-file", join(chosen.text("data-dir"), "cluster-definition.json"));
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ClusterError("cluster/missing", "read the cluster definition", {
      cause,
      facts: { path },
      hint: "Put the definition that all operators agreed to there, or name it with --definition-file.",
    });
  }
  const definition = parseDefinition(text);
  try {
    verifyDefinitionHashes(definition);
    verifyDefinitionSignatures(definition, custom);
  } catch (error) {
    if (!(error instanceof ClusterError) || !chosen.flag("no-verify")) throw error;
    io.err(`warning: ${path} does not verify: ${error.message}\n`);
  }
  return definition;
}
