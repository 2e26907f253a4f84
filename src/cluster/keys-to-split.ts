import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { each } from "../base/index.ts";
import {
  decryptKeystore,
  type Keystore,
  KeystoreError,
  parseKeystore,
  type SecretKey,
} from "../crypto/index.ts";
import { ClusterError } from "./errors.ts";
import { KEYSTORES_AT_ONCE } from "./keystore-files.ts";
import { readText } from "./load.ts";

/** Whole keys out of keystores of any program. */
export interface KeysToSplit {
  /** In the order of the files' names; numbers in names count as numbers. */
  readonly keys: readonly { readonly file: string; readonly secret: SecretKey }[];
  /** JSON files that are no keystores. */
  readonly passedOver: readonly string[];
}

/**
 * Opens every keystore below a folder, whatever its name: with the password in the .txt file of the same name, else with any
 * other password that lies there.
 *
 * @throws ClusterError `cluster/missing` - there is none; `cluster/malformed` - one does not open: then nothing is split, since a
 *   key that was passed over would go on signing elsewhere.
 */
export async function readKeysToSplit(folder: string): Promise<KeysToSplit> {
  const names = filesBelow(folder).toSorted(new Intl.Collator("en", { numeric: true }).compare);
  const passwords = new Map(
    names
      .filter((name) => name.endsWith(".txt"))
      .map((name) => [name, readText(join(folder, name), "a password", "")] as const),
  );
  const jsons = names.filter((name) => name.endsWith(".json"));
  const isKeystore = (name: string): boolean =>
    looksLikeKeystore(readText(join(folder, name), "a keystore", ""));
  const keystores = jsons.filter(isKeystore);
  if (keystores.length === 0) throw none(folder);
  const secrets: SecretKey[] = [];
  await each(keystores, KEYSTORES_AT_ONCE, async (name, i) => {
    secrets[i] = await openWithAny(join(folder, name), name, passwords);
  });
  return {
    keys: keystores.map((name, i) => ({ file: join(folder, name), secret: secrets[i] as SecretKey })),
    passedOver: jsons.filter((name) => !keystores.includes(name)).map((name) => join(folder, name)),
  };
}

const none = (folder: string, cause?: unknown): ClusterError =>
  new ClusterError("cluster/missing", "find keystores to split", {
    cause,
    facts: { path: folder },
    hint: "Put the keystores (EIP-2335, .json) there, each with its password in a .txt file of the same name.",
  });

function filesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true }).map(String);
  } catch (cause) {
    throw none(folder, cause);
  }
}

/** Deposit data and the like lie beside keystores, and are none. */
function looksLikeKeystore(text: string): boolean {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && "crypto" in json;
  } catch {
    return false;
  }
}

async function openWithAny(
  path: string,
  name: string,
  passwords: ReadonlyMap<string, string>,
): Promise<SecretKey> {
  const own = passwords.get(name.replace(/\.json$/, ".txt"));
  const candidates = new Set([...(own === undefined ? [] : [own]), ...passwords.values()]);
  let failure: unknown;
  try {
    const keystore = parseKeystore(readFileSync(path, "utf8"));
    for (const password of candidates) {
      const secret = await tryPassword(keystore, password);
      if (secret instanceof KeystoreError) failure ??= secret;
      else return secret;
    }
  } catch (error) {
    failure = error;
  }
  throw new ClusterError("cluster/malformed", `open ${path}`, {
    cause: failure,
    facts: { path, passwordsTried: candidates.size },
    hint: `Put the password of ${name} into ${name.replace(/\.json$/, ".txt")} beside it, or take the file out.`,
  });
}

/** The key, or that the password is another. */
async function tryPassword(keystore: Keystore, password: string): Promise<SecretKey | KeystoreError> {
  try {
    return await decryptKeystore(keystore, password);
  } catch (error) {
    if (error instanceof KeystoreError && error.code === "keystore/wrong-password") return error;
    throw error;
  }
}
