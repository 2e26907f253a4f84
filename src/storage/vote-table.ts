import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromHex } from "../base/index.ts";
import {
  type AttestationFloor,
  effectiveFloor,
  type Floors,
  judge,
  keptVotes,
  raisedFloors,
  type SignedAttestation,
  type SignedBlock,
  type SigningHistory,
  type SlashableVote,
  type Verdict,
} from "../slashing/index.ts";
import type { GroupKey, Root } from "../spec/index.ts";
import { PRUNE_SLACK } from "./limits.ts";
import type { Seal } from "./seal.ts";

/** One validator's bounds, kept in memory so that the usual vote, later than all before it, needs no query. */
interface Bounds {
  readonly id: number;
  readonly pubkey: Uint8Array;
  floors: Floors;
  blocks: { count: number; min: number; max: number };
  attestations: { count: number; minSource: number; minTarget: number; maxSource: number; maxTarget: number };
}

const NO_ROOT = new Uint8Array(0);

/** The votes in the file, one history per validator. Writes happen inside the caller's transaction; so do reads. */
export class VoteTable {
  readonly #seal: Seal;
  readonly #bounds = new Map<GroupKey, Bounds>();
  readonly #sql: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

  constructor(db: DatabaseSync, seal: Seal) {
    this.#seal = seal;
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)] as const);
    this.#sql = Object.fromEntries(prepared) as Record<keyof typeof STATEMENTS, StatementSync>;
    for (const row of db.prepare("SELECT id, pubkey FROM validator").all()) {
      const { id, pubkey } = row as { id: number; pubkey: Uint8Array };
      this.#load(keyOf(pubkey), id, pubkey);
    }
  }

  admit(pubkey: GroupKey, vote: SlashableVote): Verdict {
    const bounds = this.#bounds.get(pubkey) ?? this.#add(pubkey);
    const verdict = judge(this.#history(bounds), vote);
    if (!verdict.admitted) return verdict;
    if (vote.kind === "block") this.addBlock(pubkey, vote);
    else this.addAttestation(pubkey, vote);
    return verdict;
  }

  addBlock(pubkey: GroupKey, { slot, signingRoot }: SignedBlock): void {
    const { id, blocks } = this.#bounds.get(pubkey) ?? this.#add(pubkey);
    const root = signingRoot ?? NO_ROOT;
    if (this.#sql.insertBlock.run(id, slot, root).changes === 0) return;
    this.#seal.toggle(["block", id, slot, root]);
    blocks.count++;
    blocks.min = Math.min(blocks.min, slot);
    blocks.max = Math.max(blocks.max, slot);
  }

  addAttestation(pubkey: GroupKey, { source, target, signingRoot }: SignedAttestation): void {
    const { id, attestations } = this.#bounds.get(pubkey) ?? this.#add(pubkey);
    const root = signingRoot ?? NO_ROOT;
    if (this.#sql.insertAttestation.run(id, target, source, root).changes === 0) return;
    this.#seal.toggle(["attestation", id, target, source, root]);
    attestations.count++;
    attestations.minSource = Math.min(attestations.minSource, source);
    attestations.minTarget = Math.min(attestations.minTarget, target);
    attestations.maxSource = Math.max(attestations.maxSource, source);
    attestations.maxTarget = Math.max(attestations.maxTarget, target);
  }

  raiseFloors(pubkey: GroupKey, floors: Floors): void {
    const bounds = this.#bounds.get(pubkey) ?? this.#add(pubkey);
    this.#toggleValidator(bounds);
    bounds.floors = raisedFloors(bounds.floors, floors);
    this.#toggleValidator(bounds);
    const { slot = null, attestation } = bounds.floors;
    this.#sql.setFloors.run(slot, attestation?.source ?? null, attestation?.target ?? null, bounds.id);
  }

  /** Of all validators; undefined when nobody ever voted. */
  get newestTarget(): number | undefined {
    const targets = [...this.#bounds.values()].map(({ floors, attestations }) =>
      Math.max(floors.attestation?.target ?? -1, attestations.maxTarget),
    );
    const newest = targets.reduce((a, b) => Math.max(a, b), -1);
    return newest < 0 ? undefined : newest;
  }

  /** Validators with so many votes that the older ones should become floors. */
  overfull(): readonly GroupKey[] {
    return [...this.#bounds]
      .filter(
        ([, { attestations, blocks }]) =>
          attestations.count > keptVotes.attestations + PRUNE_SLACK ||
          blocks.count > keptVotes.blocks + PRUNE_SLACK,
      )
      .map(([pubkey]) => pubkey);
  }

  /** Turns the votes of `pubkey` beyond those kept into floors. */
  prune(pubkey: GroupKey): void {
    const bounds = this.#bounds.get(pubkey);
    if (bounds === undefined) return;
    const { id } = bounds;
    let floors: Floors = {};
    const votes = this.#sql.oldAttestations.all(id, keptVotes.attestations) as unknown as AttestationRow[];
    for (const { target, source, root } of votes) {
      this.#sql.deleteAttestation.run(id, target, source, root);
      this.#seal.toggle(["attestation", id, target, source, root]);
      floors = raisedFloors(floors, { attestation: { source, target } });
    }
    for (const { slot, root } of this.#sql.oldBlocks.all(id, keptVotes.blocks) as unknown as BlockRow[]) {
      this.#sql.deleteBlock.run(id, slot, root);
      this.#seal.toggle(["block", id, slot, root]);
      floors = raisedFloors(floors, { slot });
    }
    this.raiseFloors(pubkey, floors);
    this.#load(pubkey, id, bounds.pubkey);
  }

  *validators(): Generator<{
    readonly pubkey: GroupKey;
    readonly floors: Floors;
    readonly attestations: readonly SignedAttestation[];
    readonly blocks: readonly SignedBlock[];
  }> {
    for (const [pubkey, { id, floors }] of this.#bounds) {
      const attestations = (this.#sql.allAttestations.all(id) as unknown as AttestationRow[]).map(
        toAttestation,
      );
      const blocks = (this.#sql.allBlocks.all(id) as unknown as BlockRow[]).map(toBlock);
      yield { pubkey, floors, attestations, blocks };
    }
  }

  #history(bounds: Bounds): SigningHistory {
    const { id, floors, attestations: a, blocks: b } = bounds;
    const lowest: AttestationFloor | undefined =
      a.count === 0 ? undefined : { source: a.minSource, target: a.minTarget };
    return {
      attestationsFor: (target) =>
        target > a.maxTarget
          ? []
          : (this.#sql.attestationsFor.all(id, target) as unknown as AttestationRow[]).map(toAttestation),
      hasAround: (source, target) =>
        target < a.maxTarget && this.#sql.around.get(id, target, source) !== undefined,
      hasWithin: (source, target) =>
        source < a.maxSource && this.#sql.within.get(id, target, source) !== undefined,
      attestationFloor: () => effectiveFloor(floors.attestation, lowest),
      blocksAt: (slot) =>
        slot > b.max ? [] : (this.#sql.blocksAt.all(id, slot) as unknown as BlockRow[]).map(toBlock),
      blockFloor: () => raisedFloors(floors, b.count === 0 ? {} : { slot: b.min }).slot,
    };
  }

  #add(pubkey: GroupKey): Bounds {
    const bytes = fromHex(pubkey, 48);
    const id = Number(this.#sql.insertValidator.run(bytes).lastInsertRowid);
    const bounds = this.#load(pubkey, id, bytes);
    this.#toggleValidator(bounds);
    return bounds;
  }

  #toggleValidator({ id, pubkey, floors }: Bounds): void {
    const { slot = null, attestation } = floors;
    this.#seal.toggle([
      "validator",
      id,
      pubkey,
      slot,
      attestation?.source ?? null,
      attestation?.target ?? null,
    ]);
  }

  #load(pubkey: GroupKey, id: number, bytes: Uint8Array): Bounds {
    const a = this.#sql.attestationBounds.get(id) as Record<string, number | null>;
    const b = this.#sql.blockBounds.get(id) as Record<string, number | null>;
    const f = this.#sql.floors.get(id) as Record<string, number | null>;
    const floor =
      f["source"] == null ? {} : { attestation: { source: f["source"], target: f["target"] ?? 0 } };
    const bounds: Bounds = {
      id,
      pubkey: bytes,
      floors: { ...floor, ...(f["slot"] == null ? {} : { slot: f["slot"] }) },
      blocks: { count: b["count"] ?? 0, min: b["min"] ?? Number.MAX_SAFE_INTEGER, max: b["max"] ?? -1 },
      attestations: {
        count: a["count"] ?? 0,
        minSource: a["minSource"] ?? Number.MAX_SAFE_INTEGER,
        minTarget: a["minTarget"] ?? Number.MAX_SAFE_INTEGER,
        maxSource: a["maxSource"] ?? -1,
        maxTarget: a["maxTarget"] ?? -1,
      },
    };
    this.#bounds.set(pubkey, bounds);
    return bounds;
  }
}

interface AttestationRow {
  readonly target: number;
  readonly source: number;
  readonly root: Root;
}
interface BlockRow {
  readonly slot: number;
  readonly root: Root;
}

const STATEMENTS = {
  insertValidator: "INSERT INTO validator (pubkey) VALUES (?)",
  insertAttestation: "INSERT OR IGNORE INTO attestation VALUES (?, ?, ?, ?)",
  insertBlock: "INSERT OR IGNORE INTO block VALUES (?, ?, ?)",
  setFloors: "UPDATE validator SET floor_slot = ?, floor_source = ?, floor_target = ? WHERE id = ?",
  floors: "SELECT floor_slot slot, floor_source source, floor_target target FROM validator WHERE id = ?",
  attestationsFor: "SELECT target, source, root FROM attestation WHERE validator = ? AND target = ?",
  around: "SELECT 1 FROM attestation WHERE validator = ? AND target > ? AND source < ? LIMIT 1",
  within: "SELECT 1 FROM attestation WHERE validator = ? AND target < ? AND source > ? LIMIT 1",
  blocksAt: "SELECT slot, root FROM block WHERE validator = ? AND slot = ?",
  allAttestations: "SELECT target, source, root FROM attestation WHERE validator = ?",
  allBlocks: "SELECT slot, root FROM block WHERE validator = ?",
  oldAttestations:
    "SELECT target, source, root FROM attestation WHERE validator = ? ORDER BY target DESC, source DESC LIMIT -1 OFFSET ?",
  oldBlocks: "SELECT slot, root FROM block WHERE validator = ? ORDER BY slot DESC LIMIT -1 OFFSET ?",
  deleteAttestation: "DELETE FROM attestation WHERE validator = ? AND target = ? AND source = ? AND root = ?",
  deleteBlock: "DELETE FROM block WHERE validator = ? AND slot = ? AND root = ?",
  attestationBounds:
    "SELECT count(*) count, min(source) minSource, min(target) minTarget, max(source) maxSource, max(target) maxTarget FROM attestation WHERE validator = ?",
  blockBounds: "SELECT count(*) count, min(slot) min, max(slot) max FROM block WHERE validator = ?",
} as const;

function toAttestation({ source, target, root }: AttestationRow): SignedAttestation {
  return root.length === 0 ? { source, target } : { source, target, signingRoot: root };
}

function toBlock({ slot, root }: BlockRow): SignedBlock {
  return root.length === 0 ? { slot } : { slot, signingRoot: root };
}

function keyOf(pubkey: Uint8Array): GroupKey {
  return `0x${Buffer.from(pubkey).toString("hex")}` as GroupKey;
}
