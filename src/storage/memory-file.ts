import type { DatabaseSync } from "node:sqlite";
import { assert } from "../base/index.ts";
import type { DutyRecord, MemoryStanding } from "../ports/index.ts";
import {
  exportedRecord,
  type Interchange,
  type InterchangeKind,
  importedFloors,
  interchangeOf,
  requireSameChain,
  type SlashableVote,
  type Verdict,
} from "../slashing/index.ts";
import type { GroupKey, Root } from "../spec/index.ts";
import { type DutyQuery, DutyTable } from "./duty-table.ts";
import { StorageError, storageError } from "./errors.ts";
import { WAL_PAGES_MAX } from "./limits.ts";
import { NoteTable } from "./note-table.ts";
import { type OpenOptions, openFile } from "./open-file.ts";
import { Seal } from "./seal.ts";
import { VoteTable } from "./vote-table.ts";
import type { Witness } from "./witness.ts";

export interface VoteOf {
  readonly pubkey: GroupKey;
  readonly vote: SlashableVote;
}

/** What an import brought, for the operator to look at. */
export interface ImportSummary {
  readonly validators: number;
  readonly blocks: number;
  readonly attestations: number;
  /** Of all validators in the file. */
  readonly highestSlot: number | undefined;
  readonly highestTarget: number | undefined;
}

/** The note that says where a memory comes from; none in one that was just made. */
const ORIGIN_NOTE = "memory/origin";
/** The note that says in which boot of which machine the file was used last. */
const BOOT_NOTE = "memory/boot";

/** The node's SQLite file, synchronously: run by the storage thread, and directly by commands on a stopped node. */
export class MemoryFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #witness: Witness;
  readonly #lockHash: Uint8Array;
  #sequence: number;
  #genesisValidatorsRoot: Root | undefined;
  #seal: Seal;
  #votes: VoteTable;
  #notes: NoteTable;
  readonly #duties: DutyTable;
  readonly #sameBoot: boolean;
  #broken: unknown;

  /** @throws StorageError any of its codes. */
  constructor(options: OpenOptions) {
    const file = openFile(options);
    this.#path = options.path;
    this.#db = file.db;
    this.#witness = file.witness;
    this.#lockHash = file.lockHash;
    this.#sequence = file.sequence;
    this.#genesisValidatorsRoot = file.genesisValidatorsRoot;
    this.#seal = file.seal;
    this.#votes = new VoteTable(file.db, file.seal);
    this.#notes = new NoteTable(file.db, file.seal);
    this.#duties = new DutyTable(file.db);
    this.#witness.write(this.#sequence);
    const root = options.genesisValidatorsRoot;
    if (this.#genesisValidatorsRoot === undefined && root !== undefined) {
      this.#write("remember the chain", () => this.#setChain(root));
      this.#genesisValidatorsRoot = root;
    }
    this.#sameBoot = this.#noteBoot(options.boot);
    this.prune();
  }

  get genesisValidatorsRoot(): Root | undefined {
    return this.#genesisValidatorsRoot;
  }

  /** Judges and records all calls' votes in one transaction: one wait for the disk, however many ask at once. */
  admit(calls: readonly (readonly VoteOf[])[]): readonly (readonly Verdict[])[] {
    return this.#write("record votes", () =>
      calls.map((votes) => votes.map(({ pubkey, vote }) => this.#votes.admit(pubkey, vote))),
    );
  }

  /**
   * Takes over an interchange file, all or nothing.
   *
   * @throws SlashingError `slashing/other-chain`
   */
  import(interchange: Interchange): ImportSummary {
    const root = interchange.genesisValidatorsRoot;
    const known = this.#genesisValidatorsRoot;
    if (known !== undefined) requireSameChain(known, interchange);
    this.#write("import the slashing protection", () => {
      if (known === undefined) this.#setChain(root);
      for (const record of interchange.validators) {
        for (const block of record.blocks) this.#votes.addBlock(record.pubkey, block);
        for (const attestation of record.attestations) this.#votes.addAttestation(record.pubkey, attestation);
        this.#votes.raiseFloors(record.pubkey, importedFloors(record));
        this.#votes.prune(record.pubkey);
      }
      this.#setOrigin("imported");
    });
    this.#genesisValidatorsRoot = root;
    return summaryOf(interchange);
  }

  /** @throws StorageError `storage/unavailable` - the chain is not known yet, so there is nothing to export. */
  export(kind: InterchangeKind): Interchange {
    const genesisValidatorsRoot = this.#genesisValidatorsRoot;
    if (genesisValidatorsRoot === undefined) {
      throw new StorageError(
        "storage/unavailable",
        "export the slashing protection: nothing was ever signed",
        {
          facts: { path: this.#path },
        },
      );
    }
    const validators = this.#read("export the slashing protection", () =>
      [...this.#votes.validators()].map((v) => exportedRecord(v.pubkey, v.floors, v.attestations, v.blocks)),
    );
    return interchangeOf({ genesisValidatorsRoot, validators }, kind);
  }

  /** Makes floors of votes beyond those kept. Off the signing path. */
  prune(): void {
    const overfull = this.#votes.overfull();
    if (overfull.length > 0) {
      this.#write("prune old votes", () => {
        for (const pubkey of overfull) this.#votes.prune(pubkey);
      });
    }
  }

  standing(): MemoryStanding {
    return this.#read("look at the slashing memory", () => {
      const note = this.#notes.read(ORIGIN_NOTE);
      const origin = note === undefined ? "new" : Buffer.from(note).toString("utf8");
      assert(origin === "new" || origin === "imported" || origin === "kept", "the memory names its origin");
      return { origin, newestTarget: this.#votes.newestTarget, sameBoot: this.#sameBoot };
    });
  }

  /** Notes that nothing is signed elsewhere, so that this memory knows everything from now on. */
  trust(): void {
    this.#write("trust the slashing memory", () => this.#setOrigin("kept"));
  }

  saveDuties(records: readonly DutyRecord[]): void {
    this.#read("save timelines", () => {
      // Without a wait for the disk: votes committed later flush this too, and losing it costs nothing.
      try {
        this.#db.exec("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE");
        this.#duties.save(records);
        this.#db.exec("COMMIT");
      } finally {
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
        this.#db.exec("PRAGMA synchronous = FULL");
      }
    });
  }

  duties(query: DutyQuery): readonly DutyRecord[] {
    return this.#read("read timelines", () => this.#duties.query(query));
  }

  readNote(key: string): Uint8Array | undefined {
    return this.#read("read a note", () => this.#notes.read(key));
  }

  writeNote(key: string, value: Uint8Array | undefined): void {
    this.#write("write a note", () => this.#notes.write(key, value));
  }

  noteKeys(prefix: string): readonly string[] {
    return this.#read("list notes", () => this.#notes.keys(prefix));
  }

  /** Folds the write-ahead log into the file, so that it stays short. Costs two waits for the disk; off the signing path. */
  checkpoint(): void {
    this.#read("fold the write-ahead log", () => this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /** Why nothing more is admitted in this process; undefined while all is well. */
  get broken(): unknown {
    return this.#broken;
  }

  /** Whether the log has grown so long that folding cannot wait for a quiet moment. */
  get logTooLong(): boolean {
    const row = this.#db.prepare("PRAGMA wal_checkpoint(NOOP)").get() as { log?: number } | undefined;
    return (row?.log ?? 0) > WAL_PAGES_MAX;
  }

  close(): void {
    this.#db.close();
    this.#witness.close();
  }

  /** @returns Whether the file was used last in this boot. */
  #noteBoot(boot: string | undefined): boolean {
    if (boot === undefined) return false;
    const earlier = this.readNote(BOOT_NOTE);
    if (earlier !== undefined && Buffer.from(earlier).toString("utf8") === boot) return true;
    this.#write("note this boot of the machine", () =>
      this.#notes.write(BOOT_NOTE, Buffer.from(boot, "utf8")),
    );
    return false;
  }

  #setOrigin(origin: MemoryStanding["origin"]): void {
    this.#notes.write(ORIGIN_NOTE, Buffer.from(origin, "utf8"));
  }

  #setChain(root: Root): void {
    this.#seal.toggle(["identity", this.#lockHash, null]);
    this.#seal.toggle(["identity", this.#lockHash, root]);
    this.#db.prepare("UPDATE identity SET genesis_validators_root = ?").run(root);
  }

  /** One durable transaction: when this returns, what `work` wrote is on disk (openFile says why); when it throws, nothing is. */
  #write<T>(action: string, work: () => T): T {
    return this.#read(action, () => {
      const next = this.#sequence + 1;
      try {
        // Said every time: whatever went wrong before, a vote is never committed without the wait for the disk.
        this.#db.exec("PRAGMA synchronous = FULL; BEGIN IMMEDIATE");
        const result = work();
        this.#db.prepare("UPDATE identity SET sequence = ?, digest = ?").run(next, this.#seal.bytes());
        this.#db.exec("COMMIT");
        this.#sequence = next;
        this.#witness.write(next);
        return result;
      } catch (error) {
        this.#recover(error);
        throw error;
      }
    });
  }

  /** After a failure the rows in the file are what counts; what we hold in memory is read anew. */
  #recover(failure: unknown): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      const row = this.#db.prepare("SELECT sequence, digest FROM identity").get() as {
        sequence: number;
        digest: Uint8Array;
      };
      assert(row.sequence === this.#sequence, "a failed transaction left its mark");
      this.#seal = Seal.from(row.digest);
      this.#votes = new VoteTable(this.#db, this.#seal);
      this.#notes = new NoteTable(this.#db, this.#seal);
    } catch {
      this.#broken = failure; // We no longer know what is on disk: nothing more is admitted in this process.
    }
  }

  #read<T>(action: string, work: () => T): T {
    if (this.#broken !== undefined) {
      throw new StorageError("storage/unavailable", `${action}: the file failed earlier`, {
        cause: this.#broken,
        facts: { path: this.#path },
        hint: "Restart the node once the disk is well again.",
      });
    }
    try {
      return work();
    } catch (error) {
      const named = storageError(action, this.#path, error);
      if (named instanceof StorageError && named.code === "storage/corrupt") this.#broken = named;
      throw named;
    }
  }
}

function summaryOf({ validators }: Interchange): ImportSummary {
  const count = (of: (v: (typeof validators)[number]) => number): number =>
    validators.reduce((n, v) => n + of(v), 0);
  const floors = validators.map(importedFloors);
  const top = (numbers: readonly (number | undefined)[]): number | undefined =>
    numbers.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
  return {
    validators: validators.length,
    blocks: count((v) => v.blocks.length),
    attestations: count((v) => v.attestations.length),
    highestSlot: top(floors.map((f) => f.slot)),
    highestTarget: top(floors.map((f) => f.attestation?.target)),
  };
}
