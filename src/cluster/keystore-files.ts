import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import { each } from "../base/index.ts";
import {
  decryptKeystore,
  encryptKeystore,
  KeystoreError,
  PBKDF2_ROUNDS,
  parseKeystore,
  type SecretKey,
} from "../crypto/index.ts";
import { ClusterError } from "./errors.ts";
import { namesIn, readText } from "./load.ts";
import { writeDraft } from "./on-disk.ts";

// Keys in a folder, as Charon lays them out: keystore-N.json, and its password in keystore-N.txt.

/** Keystores at work at once; key derivation runs on Node's thread pool, which has four threads. */
export const KEYSTORES_AT_ONCE = 4;

export const KEYSTORE_NAME = /^keystore-(?:insecure-)?(\d+)\.json$/;

const entropy = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** Writes keystore-0.json and keystore-0.txt and so on; test keys say in their names that they are weakly encrypted. */
export async function writeKeystores(
  folder: string,
  secrets: readonly SecretKey[],
  insecure: boolean,
  onEach: () => void = () => {},
): Promise<void> {
  await each(secrets, KEYSTORES_AT_ONCE, async (secret, i) => {
    const stem = join(folder, insecure ? `keystore-insecure-${i}` : `keystore-${i}`);
    const { keystore, password } = await sealKey(secret, insecure);
    writeDraft(`${stem}.json`, keystore, 0o444);
    writeDraft(`${stem}.txt`, password, 0o400);
    onEach();
  });
}

/** A keystore as it is written, and a new password for it. */
export async function sealKey(
  secret: SecretKey,
  insecure: boolean,
): Promise<{ readonly keystore: string; readonly password: string }> {
  const password = Buffer.from(entropy(16)).toString("hex");
  const rounds = insecure ? PBKDF2_ROUNDS.insecure : PBKDF2_ROUNDS.secure;
  return { keystore: await encryptKeystore(secret, password, { rounds, entropy }), password };
}

/** A keystore of a folder, opened. */
export interface OpenedKeystore {
  readonly file: string;
  readonly index: number;
  readonly secret: SecretKey;
  /** Encrypted for tests only. */
  readonly isWeak: boolean;
}

/**
 * Opens every keystore-N.json of a folder with the password in keystore-N.txt; in order of N.
 *
 * @throws ClusterError `cluster/missing` when there is none, or a password file is not there; KeystoreError with the file's name;
 *   the signal's reason, with one keystore a thread still to finish: thousands take minutes.
 */
export async function readKeystores(
  folder: string,
  signal?: AbortSignal,
): Promise<readonly OpenedKeystore[]> {
  const names = keystoresIn(folder);
  const opened: OpenedKeystore[] = [];
  await each(names, KEYSTORES_AT_ONCE, async (name) => {
    signal?.throwIfAborted();
    opened.push(await openKeystore(folder, name));
  });
  return opened.toSorted((a, b) => a.index - b.index);
}

function keystoresIn(folder: string): readonly string[] {
  const names = namesIn(folder).filter((name) => KEYSTORE_NAME.test(name));
  if (names.length > 0) return names;
  throw new ClusterError("cluster/missing", "find keystores: there is none", {
    facts: { path: folder },
    hint: "Key shares are expected as keystore-0.json with keystore-0.txt, and so on.",
  });
}

/** Opens one. @throws ClusterError with its path, and that of its password file where it is about the password */
export async function openKeystore(folder: string, name: string): Promise<OpenedKeystore> {
  const file = join(folder, name);
  const passwordFile = file.replace(/\.json$/, ".txt");
  const password = readText(
    passwordFile,
    "the password of a keystore",
    `The password of ${name} belongs into ${basename(passwordFile)} beside it.`,
  );
  const text = readText(file, "a keystore", "Restore the keystore from a backup.");
  try {
    const keystore = parseKeystore(text);
    const secret = await decryptKeystore(keystore, password);
    const isWeak = keystore.kdf.function === "pbkdf2" && keystore.kdf.c < PBKDF2_ROUNDS.secure / 100;
    return { file, index: Number(KEYSTORE_NAME.exec(name)?.[1]), secret, isWeak };
  } catch (cause) {
    if (!(cause instanceof KeystoreError) || cause.code !== "keystore/wrong-password")
      throw new ClusterError("cluster/malformed", `open ${file}`, { cause, facts: { path: file } });
    throw new ClusterError("cluster/malformed", `open ${file}`, {
      cause,
      facts: { path: file, passwordFile, ...(password.trim() === "" ? { found: "no password in it" } : {}) },
      hint: `Each keystore has a password of its own: put the one that was written with ${name} into ${basename(passwordFile)}, or restore both files from a backup of this operator's folder.`,
    });
  }
}
