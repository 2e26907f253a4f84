import { closeSync, fsyncSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { equalBytes, explain, makeFolder, toHex } from "../base/index.ts";
import { corrupt, RECOVERY_HINT, StorageError, storageError } from "./errors.ts";
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from "./schema.ts";
import { Seal, type SealedRow } from "./seal.ts";
import { Witness } from "./witness.ts";

export interface OpenOptions {
  /** The SQLite file; made, with its folder, when absent. Companions: `-wal`, `-witness`. */
  readonly path: string;
  /** 32 bytes; the cluster this memory belongs to. Undefined takes the file as it is (export and import by hand). */
  readonly lockHash?: Uint8Array;
  /** 32 bytes; remembered when given for the first time, compared afterwards. */
  readonly genesisValidatorsRoot?: Uint8Array;
  /** Names this boot of this machine; remembered, and compared with the one remembered before. Left out where nobody knows. */
  readonly boot?: string;
  /** Refuse to make a new file. */
  readonly mustExist?: boolean;
}

export interface OpenFile {
  readonly db: DatabaseSync;
  readonly witness: Witness;
  readonly seal: Seal;
  readonly sequence: number;
  readonly genesisValidatorsRoot: Uint8Array | undefined;
  readonly lockHash: Uint8Array;
}

/**
 * Opens the file for this process alone, makes it when it is new, and believes it only after every row was checked.
 *
 * WAL with synchronous=FULL: COMMIT returns after the log was fsynced, so what is committed survives SIGKILL and power
 * loss. Locking mode EXCLUSIVE: the operating system's lock is held while the file is open, and gone the moment the
 * process is. Never open this file by other means in the same process: closing any descriptor of it drops that lock.
 *
 * @throws StorageError any of its codes; facts say what was found, the hint what to do.
 */
export function openFile(options: OpenOptions): OpenFile {
  const { path } = options;
  let db: DatabaseSync | undefined;
  try {
    const witnessed = Witness.read(witnessPath(path));
    prepareFile(options, witnessed);
    db = new DatabaseSync(path, { timeout: 0, defensive: true, allowExtension: false });
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    db.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;");
    db.exec("BEGIN IMMEDIATE; COMMIT"); // Takes the lock now, not at the first vote.
    if (isBlank(db)) {
      requireNew(options, witnessed); // Here when its making was cut short.
      create(db, options);
    }
    const identity = verifyOrCorrupt(db, options, witnessed);
    return { db, witness: new Witness(witnessPath(path)), ...identity };
  } catch (error) {
    db?.close();
    throw storageError("open the slashing memory", path, error);
  }
}

/** Makes the file, with the right permissions, when it is not there. */
function prepareFile(options: OpenOptions, witnessed: number | undefined): void {
  const { path } = options;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0) return;
  requireNew(options, witnessed);
  const folder = dirname(resolve(path));
  makeFolder(folder, 0o700);
  closeSync(openSync(path, "a", 0o600)); // SQLite would make it readable for everyone.
  syncFolder(folder);
}

/** Nothing is in the file: that is right only where nothing ever was. */
function requireNew(options: OpenOptions, witnessed: number | undefined): void {
  const { path } = options;
  if (witnessed !== undefined) {
    throw new StorageError("storage/rolled-back", "open the slashing memory: the file is gone or empty", {
      facts: { path, transactionsKnown: witnessed },
      hint: `${RECOVERY_HINT} The file that remembers it is ${witnessPath(path)}.`,
    });
  }
  if (options.mustExist === true || options.lockHash === undefined) {
    throw new StorageError("storage/unavailable", "open the slashing memory: there is no such file", {
      facts: { path },
      hint: "Name the file of a node that has run, or start the node once.",
    });
  }
}

function isBlank(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function create(db: DatabaseSync, options: OpenOptions): void {
  const seal = new Seal();
  const lockHash = options.lockHash as Uint8Array;
  const root = options.genesisValidatorsRoot ?? null;
  seal.toggle(["identity", lockHash, root]);
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA}`);
  db.prepare("INSERT INTO identity VALUES (1, ?, ?, 0, ?)").run(lockHash, root, seal.bytes());
  db.exec("COMMIT");
}

/** Damaged values also surface as numbers too large for JavaScript and the like. */
function verifyOrCorrupt(db: DatabaseSync, options: OpenOptions, witnessed: number | undefined): Identity {
  try {
    return verify(db, options, witnessed);
  } catch (error) {
    const named = storageError("open the slashing memory", options.path, error);
    throw named instanceof StorageError ? named : corrupt(options.path, explain(error));
  }
}

type Identity = Omit<OpenFile, "db" | "witness">;

function verify(db: DatabaseSync, options: OpenOptions, witnessed: number | undefined): Identity {
  const { path } = options;
  verifyKind(db, path);
  const check = db.prepare("PRAGMA quick_check(1)").get() as { quick_check?: unknown } | undefined;
  if (check?.quick_check !== "ok") throw corrupt(path, String(check?.quick_check));

  const row = db.prepare("SELECT lock_hash, genesis_validators_root, sequence, digest FROM identity").get() as
    | {
        lock_hash: Uint8Array;
        genesis_validators_root: Uint8Array | null;
        sequence: number;
        digest: Uint8Array;
      }
    | undefined;
  if (row === undefined) throw corrupt(path, "its identity is missing");
  const seal = new Seal();
  seal.toggle(["identity", row.lock_hash, row.genesis_validators_root]);
  for (const sealed of rowsOf(db)) seal.toggle(sealed);
  if (!equalBytes(seal.bytes(), row.digest)) throw corrupt(path, "its rows do not match their seal");
  if (witnessed !== undefined && row.sequence < witnessed) throw rolledBack(path, row.sequence, witnessed);

  requireSame("cluster lock hash", path, options.lockHash, row.lock_hash);
  const root = row.genesis_validators_root ?? undefined;
  if (root !== undefined) requireSame("genesis validators root", path, options.genesisValidatorsRoot, root);
  return { seal, sequence: row.sequence, genesisValidatorsRoot: root, lockHash: row.lock_hash };
}

function verifyKind(db: DatabaseSync, path: string): void {
  const pragma = (name: string): number =>
    (db.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[name] ?? 0;
  const application = pragma("application_id");
  const version = pragma("user_version");
  if (application !== APPLICATION_ID) {
    throw new StorageError(
      "storage/foreign",
      "open the slashing memory: the file belongs to another program",
      {
        facts: { path, applicationId: application },
        hint: "Check the path; it must name a file made by Trireme.",
      },
    );
  }
  if (version > SCHEMA_VERSION) {
    throw new StorageError("storage/schema-too-new", "open the slashing memory: a newer Trireme wrote it", {
      facts: { path, found: version, known: SCHEMA_VERSION },
      hint: "Start the newer version again; an older one could overlook what it recorded.",
    });
  }
  if (version !== SCHEMA_VERSION) throw corrupt(path, `its schema version is ${version}`);
}

function* rowsOf(db: DatabaseSync): Generator<SealedRow> {
  for (const r of db
    .prepare("SELECT id, pubkey, floor_slot, floor_source, floor_target FROM validator")
    .iterate())
    yield ["validator", ...(Object.values(r) as [])];
  for (const r of db.prepare("SELECT validator, target, source, root FROM attestation").iterate())
    yield ["attestation", ...(Object.values(r) as [])];
  for (const r of db.prepare("SELECT validator, slot, root FROM block").iterate())
    yield ["block", ...(Object.values(r) as [])];
  for (const r of db.prepare("SELECT key, value FROM note").iterate())
    yield ["note", ...(Object.values(r) as [])];
}

function rolledBack(path: string, found: number, known: number): StorageError {
  return new StorageError(
    "storage/rolled-back",
    "open the slashing memory: it has forgotten its latest votes",
    {
      facts: { path, transactionsFound: found, transactionsKnown: known },
      hint: `An older copy was put back, or its write-ahead log was lost. ${RECOVERY_HINT}`,
    },
  );
}

function requireSame(what: string, path: string, wanted: Uint8Array | undefined, found: Uint8Array): void {
  if (wanted === undefined || equalBytes(wanted, found)) return;
  throw new StorageError("storage/foreign", `open the slashing memory: it is of another ${what}`, {
    facts: { path, wanted: toHex(wanted), found: toHex(found) },
    hint:
      what === "cluster lock hash"
        ? "After a cluster edit, export the slashing protection with the old file and import it into a new one; otherwise check the data folder."
        : "Check that the beacon node is on the cluster's network.",
  });
}

function witnessPath(path: string): string {
  return `${path}-witness`;
}
