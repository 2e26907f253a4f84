import { readdirSync } from "node:fs";
import { join } from "node:path";
import { equalBytes, fromHex, readInput, toHex } from "../base/index.ts";
import { type SignatureSet, verifyEach } from "../crypto/index.ts";
import { depositFileName, depositSigningRoot, GWEI_PER_ETH, writeDepositFile } from "./deposit.ts";
import { ClusterError } from "./errors.ts";
import type { DepositData, Lock } from "./model.ts";
import { type Network, networkByForkVersion } from "./networks.ts";
import { depositAmountsOf, depositsToSign } from "./validators.ts";

const wrong = (where: string, wanted: string): ClusterError =>
  new ClusterError("cluster/malformed", "check deposits", {
    facts: { where, wanted },
    hint: "Do not send this deposit. Every operator's folder has the same deposit files: compare, and take a right one.",
  });

/**
 * Whether the deposits in a lock are what its definition says: amounts, credentials, and the validators' keys and signatures.
 *
 * @throws ClusterError `cluster/malformed`, `cluster/bad-signature`
 */
export function checkLockDeposits({ definition, validators }: Lock): void {
  const wanted = depositsToSign(
    definition,
    validators.map(({ publicKey }) => publicKey),
  );
  for (const [i, { deposits }] of validators.entries()) {
    if (deposits.length !== wanted.length)
      throw wrong(`validator ${i}`, `deposits of ${ethOf(depositAmountsOf(definition))} ETH`);
    for (const [k, deposit] of deposits.entries()) {
      const message = wanted[k]?.messages[i];
      const name = `the deposit of ${ethOf([Number(deposit.amount)])} ETH of validator ${i}`;
      if (message?.amount !== deposit.amount)
        throw wrong(name, `${ethOf([Number(message?.amount ?? 0)])} ETH`);
      // Another key's deposit carries a good signature too, and its owner could withdraw the stake.
      if (!equalBytes(message.pubkey, deposit.pubkey))
        throw wrong(name, `public key ${toHex(message.pubkey)}`);
      if (!equalBytes(message.withdrawalCredentials, deposit.withdrawalCredentials))
        throw wrong(name, `withdrawal credentials ${toHex(message.withdrawalCredentials)}`);
    }
  }
  checkSignatures(
    validators.flatMap(({ deposits }) => deposits),
    definition.forkVersion,
  );
}

function checkSignatures(deposits: readonly DepositData[], forkVersion: Uint8Array): void {
  const sets = deposits.map(
    (deposit): SignatureSet => ({
      publicKey: deposit.pubkey,
      root: depositSigningRoot(deposit, forkVersion),
      signature: deposit.signature,
    }),
  );
  const bad = deposits[verifyEach(sets).indexOf(false)];
  if (bad !== undefined)
    throw new ClusterError("cluster/bad-signature", "check deposits", {
      facts: {
        whose: `validator ${toHex(bad.pubkey)}`,
        over: `its deposit of ${ethOf([Number(bad.amount)])} ETH`,
      },
      hint: "Do not send this deposit: the chain would not accept it.",
    });
}

/** Names of the deposit files in a folder. */
export function depositFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^deposit-data.*\.json$/.test(name))
    .toSorted();
}

/**
 * Whether the deposit files in a folder say what the lock says: each amount has its file, with a row for each validator, in
 * which nothing differs. Locks before v1.6 have no deposits: there a row's own signature is checked.
 *
 * @throws ClusterError `cluster/malformed` with file, validator and field; `cluster/missing`
 */
export function checkDepositFiles(folder: string, lock: Lock, custom?: Network): void {
  const { definition, validators } = lock;
  const found = depositFiles(folder);
  const name = custom?.name ?? networkByForkVersion(definition.forkVersion)?.name;
  for (const [k, amount] of depositAmountsOf(definition).entries()) {
    const file = depositFileName(amount);
    if (!found.includes(file))
      throw new ClusterError("cluster/missing", "check deposits", {
        facts: { path: join(folder, file) },
        hint: "Copy the deposit files from another operator's folder; they are the same everywhere.",
      });
    const rows = readRows(join(folder, file));
    const deposits = validators.map(
      (validator, i) => validator.deposits[k] ?? fromRow(lock, k, i, rows, file),
    );
    compare(
      file,
      rows,
      JSON.parse(writeDepositFile(deposits, definition.forkVersion, name ?? "")) as Row[],
      name,
    );
    if (validators[0]?.deposits.length === 0) checkSignatures(deposits, definition.forkVersion);
  }
  const known = depositAmountsOf(definition).map(depositFileName);
  const stranger = found.find((one) => !known.includes(one));
  if (stranger !== undefined) throw wrong(stranger, "no file of an amount that the definition does not have");
}

type Row = Readonly<Record<string, unknown>>;

function readRows(path: string): ReadonlyMap<string, Row> {
  try {
    const rows = JSON.parse(readInput(path)) as Row[];
    return new Map(rows.map((row) => [String(row["pubkey"]).toLowerCase().replace(/^0x/, ""), row]));
  } catch (cause) {
    throw new ClusterError("cluster/malformed", "read a deposit file", { cause, facts: { path } });
  }
}

/** What the definition says of a deposit, with the signature that the file has. */
function fromRow(
  lock: Lock,
  k: number,
  i: number,
  rows: ReadonlyMap<string, Row>,
  file: string,
): DepositData {
  const { definition, validators } = lock;
  const keys = validators.map(({ publicKey }) => publicKey);
  const message = depositsToSign(definition, keys)[k]?.messages[i];
  const signature = rows.get(toHex(keys[i] as Uint8Array).slice(2))?.["signature"];
  try {
    if (message === undefined || typeof signature !== "string") throw new Error("no such deposit");
    return { ...message, signature: fromHex(signature, 96) };
  } catch {
    throw wrong(file, `a signed deposit of validator ${i}`);
  }
}

/** Differences that say nothing of the deposit are left alone: which program wrote it, a network's other name. */
function compare(
  file: string,
  rows: ReadonlyMap<string, Row>,
  wanted: readonly Row[],
  network: string | undefined,
): void {
  if (rows.size !== wanted.length) throw wrong(file, `${wanted.length} validators; it has ${rows.size}`);
  for (const right of wanted) {
    const pubkey = String(right["pubkey"]);
    const row = rows.get(pubkey);
    if (row === undefined) throw wrong(file, `validator 0x${pubkey}`);
    for (const [field, value] of Object.entries(right)) {
      if (field === "deposit_cli_version" || (field === "network_name" && network === undefined)) continue;
      if (row[field] !== value) throw wrong(`${field} of 0x${pubkey} in ${file}`, String(value));
    }
  }
}

const ethOf = (gwei: readonly number[]): string => gwei.map((one) => one / GWEI_PER_ETH).join(", ");
