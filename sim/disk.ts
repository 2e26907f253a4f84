import { DvError } from "../src/base/index.ts";
import type { Clock, MemoryStanding, NoteStore, SlashingStore } from "../src/ports/index.ts";
import {
  type Interchange,
  type InterchangeKind,
  interchangeOf,
  requireSameChain,
  type SlashableVote,
  ValidatorMemory,
  type Verdict,
} from "../src/slashing/index.ts";
import type { GroupKey } from "../src/spec/index.ts";

export interface MemoryDiskOptions {
  /** From the call until the votes are safe on the disk. */
  readonly durableAfterMs?: number;
  /** From there until the caller hears of it; a crash in between loses the answer but not the votes. */
  readonly answeredAfterMs?: number;
  readonly genesisValidatorsRoot?: Uint8Array;
}

export interface MemoryDisk extends SlashingStore, NoteStore {
  importInterchange(interchange: Interchange): Promise<void>;
  exportInterchange(kind: InterchangeKind): Promise<Interchange>;
  /** What can be said of how complete the memory is. */
  standing(): MemoryStanding;
  /** Makes durable that the memory may be relied on from now on. */
  trust(): Promise<void>;
  /** What is durable now, as a backup takes it. */
  copy(): DiskCopy;
  /** Puts a backup in the place of everything; the machine is down meanwhile. */
  restore(copy: DiskCopy): void;
  /** The program stops: what is not durable yet is lost, and nobody is answered any more. */
  crash(): void;
  /** While true every call fails and records nothing, as a full disk does. */
  setFailing(failing: boolean): void;
}

/** A backup of a whole disk. */
export type DiskCopy = readonly Change[];

type Change =
  | { readonly kind: "trust" }
  | { readonly kind: "vote"; readonly pubkey: GroupKey; readonly vote: SlashableVote }
  | { readonly kind: "note"; readonly key: string; readonly value: Uint8Array | undefined }
  | { readonly kind: "import"; readonly interchange: Interchange };

/** A disk in the simulated world, with the slashing memory on it. */
export function memoryDisk(clock: Clock, options: MemoryDiskOptions = {}): MemoryDisk {
  const { durableAfterMs = 5, answeredAfterMs = 0 } = options;
  const chain = options.genesisValidatorsRoot ?? new Uint8Array(32);
  const durable: Change[] = [];
  /** The part of the durable changes that says how complete the memory is. */
  const standingOf = (changes: readonly Change[]): Omit<MemoryStanding, "sameBoot"> => {
    const last = changes.findLast(({ kind }) => kind === "trust" || kind === "import");
    const targets = changes.flatMap((change) =>
      change.kind === "vote" && change.vote.kind === "attestation" ? [change.vote.target] : [],
    );
    return {
      origin: last === undefined ? "new" : last.kind === "trust" ? "kept" : "imported",
      newestTarget: targets.length === 0 ? undefined : Math.max(...targets),
    };
  };
  let memory = new Map<GroupKey, ValidatorMemory>();
  let notes = new Map<string, Uint8Array>();
  let life = 0;
  /** Whether a program that starts now follows another one of this machine, on what that one left. */
  let sameBoot = false;
  let failing = false;

  /** Judged now, durable later, answered after that; a crash on the way ends it there. */
  function commit<T>(changes: readonly Change[], result: T): Promise<T> {
    const born = life;
    return new Promise((resolve, reject) => {
      const ifAlive = (action: () => void) => () => {
        if (life === born) action();
        else reject(unavailable("the machine stopped"));
      };
      const answer = ifAlive(() => resolve(result));
      clock.at(
        clock.now() + durableAfterMs,
        ifAlive(() => {
          durable.push(...changes);
          clock.at(clock.now() + answeredAfterMs, answer);
        }),
      );
    });
  }

  return {
    async admit(votes, signal): Promise<readonly Verdict[]> {
      signal.throwIfAborted();
      if (failing) throw unavailable("the disk is full");
      const verdicts = votes.map(({ pubkey, vote }) => memoryOf(memory, pubkey).admit(vote));
      const admitted = votes.filter((_, i) => verdicts[i]?.admitted === true);
      return commit(
        admitted.map(({ pubkey, vote }) => ({ kind: "vote", pubkey, vote })),
        verdicts,
      );
    },
    async importInterchange(interchange): Promise<void> {
      requireSameChain(chain, interchange);
      if (failing) throw unavailable("the disk is full");
      replay({ memory, notes }, { kind: "import", interchange });
      return commit([{ kind: "import", interchange }], undefined);
    },
    async exportInterchange(kind): Promise<Interchange> {
      const validators = [...memory].map(([pubkey, of]) => of.record(pubkey));
      return interchangeOf({ genesisValidatorsRoot: chain, validators }, kind);
    },
    readNote: async (key) => notes.get(key),
    async writeNote(key, value): Promise<void> {
      if (failing) throw unavailable("the disk is full");
      const change: Change = { kind: "note", key, value };
      replay({ memory, notes }, change);
      return commit([change], undefined);
    },
    noteKeys: async (prefix) => [...notes.keys()].filter((key) => key.startsWith(prefix)).toSorted(),
    standing: () => ({ ...standingOf(durable), sameBoot }),
    trust: () => commit([{ kind: "trust" }], undefined),
    copy: () => [...durable],
    restore(changes) {
      durable.splice(0, durable.length, ...changes);
      this.crash();
      sameBoot = false;
    },
    crash() {
      life++;
      sameBoot = true;
      memory = new Map();
      notes = new Map();
      for (const change of durable) replay({ memory, notes }, change);
    },
    setFailing(value) {
      failing = value;
    },
  };
}

function replay(
  {
    memory,
    notes,
  }: { readonly memory: Map<GroupKey, ValidatorMemory>; readonly notes: Map<string, Uint8Array> },
  change: Change,
): void {
  if (change.kind === "vote") {
    memoryOf(memory, change.pubkey).admit(change.vote);
    return;
  }
  if (change.kind === "trust") return;
  if (change.kind === "note") {
    if (change.value === undefined) notes.delete(change.key);
    else notes.set(change.key, change.value);
    return;
  }
  for (const record of change.interchange.validators) memoryOf(memory, record.pubkey).import(record);
}

function memoryOf(memory: Map<GroupKey, ValidatorMemory>, pubkey: GroupKey): ValidatorMemory {
  const known = memory.get(pubkey) ?? new ValidatorMemory();
  memory.set(pubkey, known);
  return known;
}

/** The code of the real store's failure, which is all that callers may look at. */
function unavailable(what: string): DvError {
  return new DvError("storage/unavailable", `record votes: ${what}`);
}
