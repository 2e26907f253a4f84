import { createCipheriv, createDecipheriv, pbkdf2, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { concatBytes, DvError, fromHex } from "../base/index.ts";
import { sha256 } from "./secp256k1.ts";
import { SecretKey } from "./secret-key.ts";

export class KeystoreError extends DvError<
  "keystore/malformed" | "keystore/unsupported" | "keystore/wrong-password" | "keystore/not-its-key"
> {}

/** An EIP-2335 keystore of version 4, checked to be one we can open. */
export interface Keystore {
  /** 96 hexadecimal digits without 0x; empty where the file leaves it out. */
  readonly pubkey: string;
  readonly path: string;
  readonly uuid: string;
  readonly kdf: Kdf;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly checksum: Uint8Array;
}

type Kdf =
  | { readonly function: "pbkdf2"; readonly salt: Uint8Array; readonly dklen: number; readonly c: number }
  | {
      readonly function: "scrypt";
      readonly salt: Uint8Array;
      readonly dklen: number;
      readonly n: number;
      readonly r: number;
      readonly p: number;
    };

/** A file asks for this much work at the most; the customary 262,144 rounds take 35 ms. */
const PBKDF2_ROUNDS_MAX = 10_000_000;
/** Memory of scrypt is 128 * n * r bytes; the customary parameters take 256 MiB. */
const SCRYPT_BYTES_MAX = 1 << 30;
const SCRYPT_WORK_MAX = 1 << 26;
/** OpenSSL keeps 128 * r * p bytes beside that; the customary values are r = 8, p = 1. */
const SCRYPT_R_TIMES_P_MAX = 1 << 10;
/** A keystore has about 800 characters; its description may be long. */
const FILE_CHARACTERS_MAX = 1 << 16;

const malformed = (where: string, why: string): KeystoreError =>
  new KeystoreError("keystore/malformed", "read keystore", {
    facts: { where, why },
    hint: "Restore the file from a backup; EIP-2335 describes its form.",
  });
const unsupported = (where: string, found: string): KeystoreError =>
  new KeystoreError("keystore/unsupported", "read keystore", {
    facts: { where, found: found.slice(0, 40) },
    hint: "Keystores of version 4 with pbkdf2 or scrypt and aes-128-ctr can be opened.",
  });

/**
 * Reads an EIP-2335 keystore without opening it.
 *
 * @throws KeystoreError `keystore/malformed` names the field; `keystore/unsupported` names the function or version.
 * @spec EIP-2335
 */
export function parseKeystore(text: string): Keystore {
  if (text.length > FILE_CHARACTERS_MAX) throw malformed("the file", "it is too long for a keystore");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed("the file", "it is not JSON");
  }
  const root = object(json, "the file");
  const version = number(root, "version", "version");
  if (version !== 4) throw unsupported("version", String(version));
  const crypto = object(root["crypto"], "crypto");
  const cipher = object(crypto["cipher"], "crypto.cipher");
  const checksum = object(crypto["checksum"], "crypto.checksum");
  expectFunction(cipher, "crypto.cipher", "aes-128-ctr");
  expectFunction(checksum, "crypto.checksum", "sha256");
  return {
    pubkey: text0(root, "pubkey"),
    path: text0(root, "path"),
    uuid: text0(root, "uuid"),
    kdf: parseKdf(object(crypto["kdf"], "crypto.kdf")),
    iv: bytes(object(cipher["params"], "crypto.cipher.params"), "iv", "crypto.cipher.params.iv", 16),
    ciphertext: bytes(cipher, "message", "crypto.cipher.message", 32),
    checksum: bytes(checksum, "message", "crypto.checksum.message", 32),
  };
}

function parseKdf(kdf: Record<string, unknown>): Kdf {
  const name = kdf["function"];
  const params = object(kdf["params"], "crypto.kdf.params");
  const at = "crypto.kdf.params";
  const salt = bytes(params, "salt", `${at}.salt`);
  const dklen = number(params, "dklen", `${at}.dklen`);
  if (dklen < 32 || dklen > 64) throw malformed(`${at}.dklen`, "it is not between 32 and 64");
  if (name === "pbkdf2") {
    const c = number(params, "c", `${at}.c`);
    if (params["prf"] !== undefined && params["prf"] !== "hmac-sha256")
      throw unsupported(`${at}.prf`, JSON.stringify(params["prf"]));
    if (c < 1 || c > PBKDF2_ROUNDS_MAX)
      throw malformed(`${at}.c`, `it is not between 1 and ${PBKDF2_ROUNDS_MAX}`);
    return { function: "pbkdf2", salt, dklen, c };
  }
  if (name === "scrypt") {
    const [n, r, p] = [
      number(params, "n", `${at}.n`),
      number(params, "r", `${at}.r`),
      number(params, "p", `${at}.p`),
    ];
    const powerOfTwo = n >= 2 && Number.isInteger(Math.log2(n));
    if (!powerOfTwo || r < 1 || p < 1) throw malformed(at, "n is not a power of two, or r or p is below 1");
    if (128 * n * r > SCRYPT_BYTES_MAX || n * r * p > SCRYPT_WORK_MAX || r * p > SCRYPT_R_TIMES_P_MAX)
      throw malformed(at, "it asks for more memory or work than any honest keystore");
    return { function: "scrypt", salt, dklen, n, r, p };
  }
  throw unsupported("crypto.kdf.function", JSON.stringify(name ?? null));
}

function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw malformed(where, "it is missing or not an object");
  return value as Record<string, unknown>;
}

function number(from: Record<string, unknown>, name: string, where: string): number {
  const value = from[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw malformed(where, "it is missing or not a whole number");
  return value;
}

function text0(from: Record<string, unknown>, name: string): string {
  const value = from[name] ?? "";
  if (typeof value !== "string") throw malformed(name, "it is not a text");
  return value;
}

function bytes(from: Record<string, unknown>, name: string, where: string, length?: number): Uint8Array {
  const value = from[name];
  if (typeof value !== "string") throw malformed(where, "it is missing or not a text");
  try {
    return fromHex(value, length);
  } catch {
    throw malformed(
      where,
      length === undefined ? "it is not hexadecimal" : `it is not ${length} bytes in hexadecimal`,
    );
  }
}

function expectFunction(from: Record<string, unknown>, where: string, wanted: string): void {
  if (from["function"] !== wanted)
    throw unsupported(`${where}.function`, JSON.stringify(from["function"] ?? null));
}

/**
 * Opens a keystore. The key is derived off the event loop.
 *
 * @throws KeystoreError `keystore/wrong-password`; `keystore/not-its-key` when the key inside is not that of `pubkey`.
 * @spec EIP-2335
 */
export async function decryptKeystore(keystore: Keystore, password: string): Promise<SecretKey> {
  const key = await deriveKey(keystore.kdf, normalisePassword(password));
  if (!timingSafeEqual(sha256(key.subarray(16, 32), keystore.ciphertext), keystore.checksum)) {
    throw new KeystoreError("keystore/wrong-password", "the password is not this keystore's", {
      facts: { uuid: keystore.uuid },
    });
  }
  const decipher = createDecipheriv("aes-128-ctr", key.subarray(0, 16), keystore.iv);
  // In CTR mode all of the text comes with update; one buffer, so that one buffer is to be wiped.
  const plain = decipher.update(keystore.ciphertext);
  decipher.final();
  const secret = readSecret(plain);
  plain.fill(0);
  key.fill(0);
  if (secret === undefined) throw malformed("crypto.cipher.message", "what it holds is not a BLS12-381 key");
  const found = Buffer.from(secret.publicKey()).toString("hex");
  const named = keystore.pubkey.toLowerCase().replace(/^0x/, "");
  if (named !== "" && named !== found) {
    throw new KeystoreError("keystore/not-its-key", "open keystore", {
      facts: { named: `0x${named.slice(0, 96)}`, found: `0x${found}` },
      hint: "The file was put together from two keystores; restore it from a backup.",
    });
  }
  return secret;
}

function readSecret(plain: Uint8Array): SecretKey | undefined {
  try {
    return SecretKey.fromBytes(plain);
  } catch {
    return undefined;
  }
}

/** Rounds of pbkdf2: customary, and for test keys that guard nothing. */
export const PBKDF2_ROUNDS: { readonly secure: number; readonly insecure: number } = {
  secure: 262_144,
  insecure: 16,
};

/**
 * Makes an EIP-2335 keystore in the form Charon writes: pbkdf2, aes-128-ctr, one space of indentation.
 *
 * @param options.entropy - Gives that many unpredictable bytes.
 */
export async function encryptKeystore(
  secret: SecretKey,
  password: string,
  options: { readonly rounds: number; readonly entropy: (bytes: number) => Uint8Array },
): Promise<string> {
  const salt = options.entropy(32);
  const iv = options.entropy(16);
  const key = await deriveKey(
    { function: "pbkdf2", salt, dklen: 32, c: options.rounds },
    normalisePassword(password),
  );
  const plain = secret.revealBytes();
  const cipher = createCipheriv("aes-128-ctr", key.subarray(0, 16), iv);
  const ciphertext = concatBytes(cipher.update(plain), cipher.final());
  plain.fill(0);
  const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
  const keystore = {
    crypto: {
      checksum: { function: "sha256", message: hex(sha256(key.subarray(16, 32), ciphertext)), params: {} },
      cipher: { function: "aes-128-ctr", message: hex(ciphertext), params: { iv: hex(iv) } },
      kdf: {
        function: "pbkdf2",
        message: "",
        params: { c: options.rounds, dklen: 32, prf: "hmac-sha256", salt: hex(salt) },
      },
    },
    description: "",
    pubkey: hex(secret.publicKey()),
    path: "m/12381/3600/0/0/0",
    uuid: uuidOf(options.entropy(16)),
    version: 4,
  };
  key.fill(0);
  return JSON.stringify(keystore, null, 1);
}

function uuidOf(random: Uint8Array): string {
  const digits = Buffer.from(random).toString("hex").toUpperCase();
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}

/** NFKD, then without control characters (C0, DEL, C1), as the EIP prescribes: a trailing newline does no harm. */
function normalisePassword(password: string): Buffer {
  // oxlint-disable-next-line no-control-regex
  return Buffer.from(password.normalize("NFKD").replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ""), "utf8");
}

const pbkdf2Async = promisify(pbkdf2);
const scryptAsync = promisify<
  Buffer,
  Uint8Array,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

async function deriveKey(kdf: Kdf, password: Buffer): Promise<Buffer> {
  try {
    return kdf.function === "pbkdf2"
      ? await pbkdf2Async(password, kdf.salt, kdf.c, kdf.dklen, "sha256")
      : await scryptAsync(password, kdf.salt, kdf.dklen, {
          N: kdf.n,
          r: kdf.r,
          p: kdf.p,
          maxmem: 2 * SCRYPT_BYTES_MAX,
        });
  } catch (cause) {
    // Parameters within our bounds that OpenSSL refuses, such as n >= 2^(16 r).
    throw new KeystoreError("keystore/malformed", "derive the key of a keystore", {
      cause,
      facts: { where: "crypto.kdf.params" },
      hint: "Restore the file from a backup; EIP-2335 describes its form.",
    });
  } finally {
    password.fill(0);
  }
}
