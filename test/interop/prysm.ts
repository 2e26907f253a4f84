import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { readKeystores } from "../../src/cluster/index.ts";
import { encryptKeystore, PBKDF2_ROUNDS } from "../../src/crypto/index.ts";
import { Background } from "./background.ts";
import type { ClientOptions } from "./client-options.ts";

/** Prysm's validator client with a node's shares in its wallet; not started yet. */
export async function prysm(options: ClientOptions): Promise<Background> {
  const { folder } = options;
  const wallet = join(folder, "wallet");
  const keys = join(folder, "keys");
  const password = join(folder, "password.txt");
  const config = join(folder, "chain.yaml");
  mkdirSync(keys, { recursive: true });
  writeFileSync(password, "interop-password");
  writeFileSync(config, await chainConfig(options.beaconNode));
  // Its import takes one password for all keystores.
  const shares = await readKeystores(options.keystores);
  for (const [i, { secret }] of shares.entries()) {
    const keystore = await encryptKeystore(secret, "interop-password", {
      rounds: PBKDF2_ROUNDS.insecure,
      entropy: randomBytes,
    });
    writeFileSync(join(keys, `keystore-${i}.json`), keystore);
  }
  await promisify(execFile)(options.bin, [
    "accounts",
    "import",
    `--wallet-dir=${wallet}`,
    `--keys-dir=${keys}`,
    `--wallet-password-file=${password}`,
    `--account-password-file=${password}`,
    "--accept-terms-of-use",
  ]);
  return new Background(options.name, options.logFile, options.bin, [
    `--wallet-dir=${wallet}`,
    `--wallet-password-file=${password}`,
    `--datadir=${join(folder, "data")}`,
    `--chain-config-file=${config}`,
    "--enable-beacon-rest-api",
    `--beacon-rest-api-provider=${options.validatorApi}`,
    "--distributed",
    `--suggested-fee-recipient=${options.feeRecipient}`,
    ...(options.builder ? ["--enable-builder", `--suggested-gas-limit=${options.gasLimit}`] : []),
    "--graffiti=from prysm",
    "--accept-terms-of-use",
    "--disable-log-colors",
    "--disable-ephemeral-log-file",
    "--disable-monitoring",
  ]);
}

/** The chain's specification in the YAML form of consensus clients. */
async function chainConfig(beaconNode: string): Promise<string> {
  const answer = (await (await fetch(`${beaconNode}/eth/v1/config/spec`)).json()) as {
    data: Record<string, unknown>;
  };
  const lines = Object.entries(answer.data)
    .filter((entry): entry is [string, string] => typeof entry[1] === "string")
    .filter(([name]) => !name.startsWith("DOMAIN_"))
    .map(([name, value]) => `${name}: ${/^(0x[0-9a-fA-F]*|\d+)$/.test(value) ? value : `'${value}'`}`);
  return [...lines, "BLOB_SCHEDULE:", "  - EPOCH: 0", "    MAX_BLOBS_PER_BLOCK: 9", ""].join("\n");
}
