import { Worker } from "node:worker_threads";
import { orAborted } from "../base/index.ts";
import type { DutyRecord, MemoryStanding, NoteStore, SlashingStore } from "../ports/index.ts";
import type { Interchange, InterchangeKind, Verdict } from "../slashing/index.ts";
import type { DutyQuery } from "./duty-table.ts";
import { type ErrorData, errorFromData, StorageError } from "./errors.ts";
import { DUTIES_WAITING_MAX } from "./limits.ts";
import type { ImportSummary, VoteOf } from "./memory-file.ts";
import { packVotes } from "./packed-votes.ts";
import { OPENING, type StoreAnswer, type StoreRequest } from "./store-messages.ts";

export interface NodeStoreOptions {
  /** The SQLite file; made, with its folder, when absent. */
  readonly path: string;
  /** 32 bytes: the cluster this memory belongs to. */
  readonly lockHash: Uint8Array;
  /** 32 bytes; remembered when given for the first time, compared afterwards. */
  readonly genesisValidatorsRoot?: Uint8Array;
  /** Names this boot of this machine; left out where nobody knows, or where what is on disk may be older than it looks. */
  readonly boot?: string;
}

/** Everything the node keeps on disk for itself, in one SQLite file behind one thread. */
export interface NodeStore extends SlashingStore, NoteStore {
  /** Takes over an interchange file, all or nothing. @throws SlashingError `slashing/other-chain`, StorageError */
  importInterchange(interchange: Interchange): Promise<ImportSummary>;
  exportInterchange(kind: InterchangeKind): Promise<Interchange>;
  /** What this memory can say of how complete it is. */
  standing(): Promise<MemoryStanding>;
  /** Notes durably that nothing is signed elsewhere; from now on this memory knows everything. */
  trust(): Promise<void>;
  /** Queues timelines for the disk; never waits, never throws. When too many wait the oldest are dropped. */
  saveDuties(records: readonly DutyRecord[]): void;
  /** Saved duties, latest first. */
  duties(query: DutyQuery): Promise<readonly DutyRecord[]>;
  /** Fires when the thread is gone, or no longer knows what is on disk: every call fails until a new process opens the file. */
  readonly broken: AbortSignal;
  /** Writes what waits and lets go of the file. Later calls fail with `storage/unavailable`. */
  close(): Promise<void>;
}

/**
 * Opens the node's file and checks every row of it before anything is admitted.
 *
 * @throws StorageError `storage/locked` - another process has it; `storage/corrupt`, `storage/rolled-back` - it cannot be
 *   trusted; `storage/foreign` - of another cluster, chain or program; `storage/schema-too-new`; `storage/unavailable`.
 */
export async function openNodeStore(options: NodeStoreOptions): Promise<NodeStore> {
  const { path, lockHash, genesisValidatorsRoot, boot } = options;
  const thread = new StorageThread(path, {
    path,
    lockHash: lockHash.slice(),
    ...(genesisValidatorsRoot === undefined ? {} : { genesisValidatorsRoot: genesisValidatorsRoot.slice() }),
    ...(boot === undefined ? {} : { boot }),
  });
  await thread.opened;
  return storeOver(thread);
}

function storeOver(thread: StorageThread): NodeStore {
  let waiting: DutyRecord[] = [];
  let saving: Promise<void> | undefined;
  const saveWaiting = async (): Promise<void> => {
    while (waiting.length > 0) {
      const records = waiting;
      waiting = [];
      // Nothing depends on timelines; a disk that fails here is reported by the votes.
      await thread.ask({ kind: "save-duties", records }).catch(() => undefined);
    }
    saving = undefined;
  };
  return {
    broken: thread.broken,
    admit: (votes, signal) => admit(thread, votes, signal),
    importInterchange: (interchange) => thread.ask({ kind: "import", interchange }) as Promise<ImportSummary>,
    exportInterchange: (kind) => thread.ask({ kind: "export", as: kind }) as Promise<Interchange>,
    standing: () => thread.ask({ kind: "standing" }) as Promise<MemoryStanding>,
    trust: () => thread.ask({ kind: "trust" }) as Promise<void>,
    saveDuties(records) {
      waiting.push(...records);
      waiting.splice(0, waiting.length - DUTIES_WAITING_MAX);
      saving ??= saveWaiting();
    },
    duties: (query) => thread.ask({ kind: "duties", query }) as Promise<readonly DutyRecord[]>,
    readNote: (key) => thread.ask({ kind: "read-note", key }) as Promise<Uint8Array | undefined>,
    writeNote: (key, value) =>
      thread.ask({ kind: "write-note", key, value: value?.slice() }) as Promise<void>,
    noteKeys: (prefix) => thread.ask({ kind: "note-keys", prefix }) as Promise<readonly string[]>,
    async close() {
      await saving;
      await thread.close();
    },
  };
}

/** When `signal` fires the caller stops waiting; the votes may still be recorded, which costs a signature and no safety. */
async function admit(
  thread: StorageThread,
  votes: readonly VoteOf[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  signal.throwIfAborted();
  if (votes.length === 0) return [];
  const answer = thread.ask({ kind: "admit", votes: packVotes(votes) }) as Promise<readonly Verdict[]>;
  return orAborted(answer, signal);
}

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The other side of store-thread.ts. When the thread dies, everyone who waits is told, and so is everyone who comes later. */
class StorageThread {
  readonly opened: Promise<unknown>;
  readonly #broken = new AbortController();
  readonly #path: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  readonly #exited: Promise<void>;
  #nextId = OPENING;
  #dead: StorageError | undefined;

  constructor(path: string, workerData: unknown) {
    this.#path = path;
    // Beside this file, as .ts in the source tree and as .js in the build.
    const name = import.meta.url.endsWith(".ts") ? "./store-thread.ts" : "./store-thread.js";
    this.#worker = new Worker(new URL(name, import.meta.url), { workerData, name: "storage" });
    this.#worker.on("message", (answer: StoreAnswer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#die(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#die(undefined);
        resolve();
      });
    });
    this.opened = this.#wait();
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  ask(request: StoreRequest): Promise<unknown> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = this.#nextId;
    const answer = this.#wait();
    this.#worker.postMessage({ ...request, id });
    return answer;
  }

  async close(): Promise<void> {
    if (this.#dead === undefined) {
      const closed = this.ask({ kind: "close" });
      this.#dead = this.#unavailable("the store was closed", undefined);
      await closed;
    }
    await this.#exited;
  }

  #wait(): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #settle(answer: StoreAnswer): void {
    const waiter = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.ok) waiter?.resolve(answer.value);
    else waiter?.reject(errorFromData(answer.error satisfies ErrorData));
  }

  #die(cause: Error | undefined): void {
    if (this.#dead === undefined) {
      this.#dead = this.#unavailable("the storage thread stopped", cause);
      this.#broken.abort(this.#dead);
    }
    for (const { reject } of this.#waiting.values()) reject(this.#dead);
    this.#waiting.clear();
  }

  #unavailable(what: string, cause: Error | undefined): StorageError {
    return new StorageError("storage/unavailable", `use the slashing memory: ${what}`, {
      ...(cause === undefined ? {} : { cause }),
      facts: { path: this.#path },
      hint: "Restart the node; if it happens again, look at memory and disk.",
    });
  }
}
