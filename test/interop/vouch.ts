import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readKeystores } from "../../src/cluster/index.ts";
import { encryptKeystore, PBKDF2_ROUNDS } from "../../src/crypto/index.ts";
import { Background } from "./background.ts";
import type { ClientOptions } from "./client-options.ts";

const WALLET = "interop";
const PASSWORD = "interop-password";

/**
 * Vouch with a node's shares in a wallet of its own; not started yet. The wallet is what `ethdo wallet create` and
 * `ethdo account import` leave behind: a folder by the wallet's id, and in it the wallet, its accounts and their index.
 */
export async function vouch(options: ClientOptions): Promise<Background> {
  const wallets = join(options.folder, "wallets");
  const password = join(options.folder, "password.txt");
  mkdirSync(wallets, { recursive: true });
  writeFileSync(password, PASSWORD);
  await writeWallet(wallets, options.keystores);
  const config = join(options.folder, "execution.json");
  // The node takes blinded blocks at the paths of a relay, and never bids.
  const relays = options.builder ? { [options.validatorApi]: {} } : {};
  writeFileSync(config, JSON.stringify({ version: 2, fee_recipient: options.feeRecipient, relays }));
  const third = `${Math.floor(options.slotMs / 3)}ms`;
  const twoThirds = `${Math.floor((2 * options.slotMs) / 3)}ms`;
  const settings = {
    "log-level": "debug",
    "beacon-node-address": options.validatorApi,
    accountmanager: {
      wallet: { locations: [wallets], accounts: [WALLET], passphrases: [`file://${password}`] },
    },
    blockrelay: {
      "listen-address": `127.0.0.1:${options.port}`,
      "fallback-fee-recipient": options.feeRecipient,
      "fallback-gas-limit": options.gasLimit,
      config: { url: `file://${config}` },
    },
    graffiti: { static: { value: "from vouch" } },
    // Its own defaults are those of slots of 12 seconds.
    timeout: `${options.slotMs}ms`,
    controller: {
      "max-attestation-delay": third,
      "max-sync-committee-message-delay": third,
      "attestation-aggregation-delay": twoThirds,
      "sync-committee-aggregation-delay": twoThirds,
      "fast-track": { grace: "100ms" },
    },
  };
  writeFileSync(join(options.folder, "vouch.json"), JSON.stringify(settings, undefined, 2));
  return new Background(options.name, options.logFile, options.bin, [`--base-dir=${options.folder}`]);
}

/** @see the public formats of go-eth2-wallet-store-filesystem, and of go-eth2-wallet-nd in it */
async function writeWallet(wallets: string, keystores: string): Promise<void> {
  const id = randomUUID();
  const folder = join(wallets, id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(folder, name), JSON.stringify(content), { mode: 0o600 });
  const index: { readonly uuid: string; readonly name: string }[] = [];
  for (const [i, { secret }] of (await readKeystores(keystores)).entries()) {
    const keystore = await encryptKeystore(secret, PASSWORD, {
      rounds: PBKDF2_ROUNDS.insecure,
      entropy: randomBytes,
    });
    const { crypto, pubkey } = JSON.parse(keystore) as { crypto: unknown; pubkey: string };
    const account = { uuid: randomUUID(), name: `share-${i}` };
    write(account.uuid, { ...account, pubkey, crypto, encryptor: "keystorev4", version: 4 });
    index.push(account);
  }
  write("index", index);
  write(id, { uuid: id, name: WALLET, version: 1, type: "non-deterministic" });
}
