import { existsSync } from "node:fs";
import { join } from "node:path";
import { readHttpAddress } from "../base/index.ts";
import type { RunConfig } from "../node/index.ts";
import { type Chosen, shownValue, UsageError } from "./settings.ts";

/** Charon's, so that a validator client finds it where it was. */
const VALIDATOR_API_ADDRESS = "127.0.0.1:3600";

/** What the settings of `run` mean: complete and checked. @throws UsageError */
export function readRunConfig(chosen: Chosen): RunConfig {
  const dataDir = chosen.text("data-dir");
  const beaconNodeEndpoints = readBeaconEndpoints(chosen);
  return Object.freeze({
    dataDir,
    lockFile: chosen.textOr("lock-file", join(dataDir, "cluster-lock.json")),
    privateKeyFile: chosen.textOr("private-key-file", join(dataDir, "charon-enr-private-key")),
    validatorKeysDir: readKeysDir(chosen),
    freshKeys: chosen.flag("fresh-keys"),
    noVerify: chosen.flag("no-verify"),
    executionClientRpcEndpoint: executionEndpoint(chosen),
    beaconNodeEndpoints,
    beaconNodeHeaders: readBeaconHeaders(chosen),
    beaconNodeTimeoutMs: Math.max(100, chosen.number("beacon-node-timeout")),
    p2pTcpAddresses: chosen.list("p2p-tcp-address"),
    p2pExternalIp: chosen.text("p2p-external-ip"),
    p2pExternalHostname: chosen.text("p2p-external-hostname"),
    p2pRelays: chosen.list("p2p-relays"),
    p2pPeers: chosen.list("p2p-peers"),
    monitoringAddress: chosen.text("monitoring-address"),
    validatorApi: readValidatorApi(chosen),
    builderApi: chosen.flag("builder-api"),
    graffiti: chosen.text("graffiti"),
    nickname: chosen.text("nickname"),
    logLevel: chosen.text("log-level") as RunConfig["logLevel"],
    logFormat: chosen.text("log-format") as RunConfig["logFormat"],
    logColor: chosen.text("log-color") as RunConfig["logColor"],
    privateKeyFileLock: chosen.flag("private-key-file-lock"),
    testnet: readTestnet(chosen),
  });
}

/** @throws UsageError - a folder was named that is not there: without keystores a validator client would be waited for */
function readKeysDir(chosen: Chosen): string {
  const folder = chosen.textOr("validator-keys-dir", join(chosen.text("data-dir"), "validator_keys"));
  if (chosen.text("validator-keys-dir") !== "" && !existsSync(folder))
    throw new UsageError("cli/usage", `--validator-keys-dir is "${folder}", which is not there`, {
      hint: "Correct the path, or leave it out where a validator client signs.",
    });
  return folder;
}

/** @throws UsageError - there is none, or one is no URL */
export function readBeaconEndpoints(chosen: Chosen): readonly string[] {
  chosen.require("beacon-node-endpoints");
  for (const url of chosen.list("beacon-node-endpoints")) {
    if (!URL.canParse(url) || !/^https?:/.test(url))
      throw new UsageError("cli/usage", `--beacon-node-endpoints has "${shownValue(url)}"`, {
        hint: "Write URLs, e.g. http://localhost:5052.",
      });
  }
  return chosen.list("beacon-node-endpoints");
}

/** @throws UsageError; the text is not repeated, since it is likely a key */
export function readBeaconHeaders(chosen: Chosen): Readonly<Record<string, string>> {
  const headers = chosen.list("beacon-node-headers").map((pair) => /^([\w-]+)=([ -~]+)$/.exec(pair));
  if (headers.includes(null))
    throw new UsageError("cli/usage", "--beacon-node-headers has something that is no header", {
      hint: "Write name=value, e.g. authorization=Bearer …; several are separated by commas.",
    });
  return Object.fromEntries(headers.map((pair) => [pair?.[1]?.toLowerCase() ?? "", pair?.[2] ?? ""]));
}

function readValidatorApi(chosen: Chosen): RunConfig["validatorApi"] {
  const address = chosen.text("validator-api-address");
  const certificateFile = chosen.text("validator-api-tls-cert");
  const keyFile = chosen.text("validator-api-tls-key");
  const keystoresAggregate = chosen.flag("keystores-aggregate");
  if ((certificateFile === "") !== (keyFile === ""))
    throw new UsageError("cli/usage", "--validator-api-tls-cert and --validator-api-tls-key go together", {
      hint: "Give both, or neither for plain HTTP.",
    });
  if (keystoresAggregate && chosen.flag("no-signer"))
    throw new UsageError(
      "cli/usage",
      "--keystores-aggregate needs the keystores that --no-signer leaves closed",
      {
        hint: "Leave one of them out. With --keystores-aggregate a validator client signs all but aggregates.",
      },
    );
  return {
    wanted: address !== "" || chosen.flag("no-signer") || keystoresAggregate,
    keystoresAggregate,
    address: address === "" ? VALIDATOR_API_ADDRESS : address,
    tls: certificateFile === "" ? undefined : { certificateFile, keyFile },
  };
}

/** @throws UsageError - it is no URL; the text is not repeated, since it may have a key in it. */
export function executionEndpoint(chosen: Chosen): string {
  const endpoint = chosen.text("execution-client-rpc-endpoint");
  if (endpoint === "" || readHttpAddress(endpoint) !== undefined) return endpoint;
  throw new UsageError("cli/usage", "--execution-client-rpc-endpoint is not an http or https URL", {
    hint: "Write it like http://127.0.0.1:8545.",
  });
}

/** The four --testnet flags, of which all or none are given. */
export function readTestnet(chosen: Chosen): RunConfig["testnet"] {
  const name = chosen.text("testnet-name");
  const forkVersion = chosen.text("testnet-fork-version");
  const chainId = chosen.number("testnet-chain-id");
  const genesisTimestamp = chosen.number("testnet-genesis-timestamp");
  const given = [name !== "", forkVersion !== "", chainId !== 0, genesisTimestamp !== 0];
  if (!given.includes(true)) return undefined;
  if (given.includes(false) || !/^0x[0-9a-fA-F]{8}$/.test(forkVersion)) {
    throw new UsageError(
      "cli/usage",
      "a network of your own needs all of --testnet-name, --testnet-chain-id, --testnet-fork-version and --testnet-genesis-timestamp",
      { hint: "The fork version is 0x and 8 hexadecimal digits." },
    );
  }
  return { name, chainId, forkVersion: forkVersion.toLowerCase(), genesisTimestamp };
}
