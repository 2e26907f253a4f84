import { toHex } from "../../base/index.ts";
import {
  ClusterError,
  type ContractAnswers,
  contractQuestions,
  type Definition,
  missingSigners,
  type Network,
  nameOf,
  verifyDefinitionHashes,
  verifyDefinitionSignatures,
  withHashes,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import { createLogger, runCeremony } from "../../node/index.ts";
import { showCeremony } from "../ceremony-screen.ts";
import { customNetwork } from "../definition-request.ts";
import { formatError } from "../main.ts";
import { definitionPath, readDefinitionFrom } from "../read-definition.ts";
import { executionEndpoint } from "../run-config.ts";
import type { Chosen } from "../settings.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Takes part in the ceremony of a definition. */
export async function dkg({ chosen, io }: CommandInput): Promise<void> {
  const dataDir = chosen.text("data-dir");
  const custom = customNetwork(chosen);
  const { definition, answers } = await readDefinition(chosen, custom, io);
  const { signal, release } = stopSignals();
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
        answers,
        p2pTcpAddresses: chosen.list("p2p-tcp-address"),
        p2pExternalIp: chosen.text("p2p-external-ip"),
        p2pExternalHostname: chosen.text("p2p-external-hostname"),
        p2pRelays: chosen.list("p2p-relays"),
        p2pPeers: chosen.list("p2p-peers"),
        nickname: chosen.text("nickname"),
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
      signal,
    );
  } finally {
    end();
    release();
  }
  io.out(`The ceremony is complete: ${definition.numValidators} validators, definition ${toHex(definition.definitionHash)}.
In ${dataDir}: cluster-lock.json, validator_keys, deposit data. Back up the folder now.
Look at what was made:  trireme verify ${dataDir}
Then run the node:      trireme run --data-dir ${dataDir} --beacon-node-endpoints <url>${waysToPeers(chosen)}
`);
}

/** `run` has no relays of its own accord, and where the operators met in the ceremony they can meet again. */
function waysToPeers(chosen: Chosen): string {
  return ["p2p-relays", "p2p-peers"]
    .filter((name) => chosen.list(name).length > 0)
    .map((name) => ` --${name} ${chosen.list(name).join(",")}`)
    .join("");
}

/** The definition, verified. With --no-verify what is wrong is only told, and hashes that are not there are made. */
async function readDefinition(
  chosen: Chosen,
  custom: Network | undefined,
  io: CommandInput["io"],
): Promise<{ readonly definition: Definition; readonly answers: ContractAnswers }> {
  const endpoint = executionEndpoint(chosen);
  const path = definitionPath(chosen);
  if (path.startsWith("http://"))
    io.err("warning: the definition comes over plain http; compare its hash with the other operators\n");
  const definition = await readDefinitionFrom(path);
  const isForgiving = chosen.flag("no-verify");
  const answers = await askContracts(endpoint, contractQuestions(definition, custom));
  const checkSignatures = (): void => verifyDefinitionSignatures(definition, custom, answers);
  for (const check of [verifyDefinitionHashes, checkSigners, checkSignatures])
    try {
      check(definition);
    } catch (error) {
      if (!(error instanceof ClusterError) || !isForgiving) throw error;
      io.err(`warning: ${path} does not verify. ${formatError(error, false)}`);
    }
  return {
    definition: definition.definitionHash.length === 0 ? withHashes(definition) : definition,
    answers,
  };
}

/** Says who is missing, where verification would only say that a signature is wrong. */
function checkSigners(definition: Definition): void {
  const missing = missingSigners(definition);
  if (missing.length === 0) return;
  throw new ClusterError(
    "cluster/bad-signature",
    "hold a ceremony over a definition that not everybody has signed",
    {
      facts: { missing: missing.map(nameOf).join(", ") },
      hint: "Each of them runs `trireme definition sign`; then `trireme definition merge` puts the copies together.",
    },
  );
}
