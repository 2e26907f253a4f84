import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { explain, Turns } from "../base/index.ts";
import { combineHonest, inlineBlsWork, ParsedKeys, type SignatureSet } from "../crypto/index.ts";
import { type BlsWork, type CombineJob, type CombineResult, type Logger, silent } from "../ports/index.ts";
import type { ThreadAnswer, ThreadRequest } from "./bls-thread.ts";
import {
  HONEST_BATCHES_MAX,
  HONEST_WEIGHT_BESIDE_THREAD,
  HONEST_WEIGHT_MAX,
  INLINE_ITEMS_MAX,
  INLINE_WEIGHT_MAX,
  RESTARTS_MAX,
  SPLIT_ITEMS_MIN,
} from "./limits.ts";
import { packJobs, packSets, unpackResults } from "./packed-work.ts";

/** `BlsWork` on threads, with an end. */
export interface BlsThreads extends BlsWork {
  /** Lets work under way finish, then ends the threads. Work that comes later is done in the calling thread. */
  close(): Promise<void>;
}

/**
 * Heavy BLS work off the event loop. A thread is started when the first large request comes, so a node with one validator
 * never pays for it; small requests, and honest ones of some validators, are done at once in the calling thread. When a thread dies its requests are done in the
 * calling thread in short pieces, and the next large request starts another one. No request fails.
 *
 * @param options.threads - At most this many; by default one, and two where there are more than two processors.
 */
export function createBlsThreads(
  options: { readonly threads?: number; readonly log?: Logger; readonly program?: URL } = {},
): BlsThreads {
  const log = (options.log ?? silent).room("signer");
  const threadsMax = Math.max(1, options.threads ?? (availableParallelism() > 2 ? 2 : 1));
  const program = options.program ?? threadProgram();
  const threads: BlsThread[] = [];
  const inline = new PiecewiseWork();
  const keys = new ParsedKeys();
  const turns = new Turns<readonly unknown[]>((give) => void setImmediate(give));
  const underway = new Set<Promise<unknown>>();
  let crashes = 0;
  let closed = false;

  function onCrash(thread: BlsThread, why: string): void {
    const place = threads.indexOf(thread);
    if (place >= 0) threads.splice(place, 1);
    crashes++;
    log.error("A BLS thread died; its work is done in the main thread", { why, crashes });
  }

  /** The thread with the least to do; undefined when there is none to be had. */
  function quietest(): BlsThread | undefined {
    const best = threads.toSorted((a, b) => a.pending - b.pending)[0];
    if (closed || (best !== undefined && (best.pending === 0 || threads.length >= threadsMax))) return best;
    if (crashes > RESTARTS_MAX) return best;
    try {
      const started = new BlsThread(program, onCrash);
      threads.push(started);
      return started;
    } catch (error) {
      crashes++;
      log.error("A BLS thread could not be started; its work is done in the main thread", {
        why: explain(error),
        crashes,
      });
      return best;
    }
  }

  /** Large lists are shared out among the threads; each part is tried as a batch of its own. */
  async function shareOut<Item, Result>(
    items: readonly Item[],
    weigh: (item: Item) => number,
    threaded: (thread: BlsThread, part: readonly Item[]) => Promise<readonly Result[] | undefined>,
    here: (part: readonly Item[]) => Promise<readonly Result[]>,
  ): Promise<readonly Result[]> {
    if (closed || endOfPiece(items, weigh, 0) === items.length) return here(items);
    const partCount = items.length < SPLIT_ITEMS_MIN ? 1 : threadsMax;
    const size = Math.ceil(items.length / partCount);
    const parts = Array.from({ length: partCount }, (_, i) => items.slice(i * size, (i + 1) * size));
    const results = await Promise.all(
      parts.map(async (part) => {
        const thread = quietest();
        return (thread && (await threaded(thread, part))) ?? here(part);
      }),
    );
    return results.flat();
  }

  /** A small batch at once, when all is well with it. */
  function tryHere(jobs: readonly CombineJob[]): Promise<readonly CombineResult[]> | undefined {
    // A thread at work may have hundreds of them before it: a slot's few aggregates do not wait for these.
    const idle = threads.some(({ pending }) => pending === 0);
    const weightMax = idle ? HONEST_WEIGHT_BESIDE_THREAD : HONEST_WEIGHT_MAX;
    const weight = jobs.reduce((sum, job) => sum + honestWeight(job), 0);
    const results = weight > weightMax ? undefined : combineHonest(jobs, keys);
    return results && Promise.resolve(results);
  }

  /** Combines in this thread, a batch in each turn, as long as all is well; the rest as what is not, which takes long to judge. */
  async function inBatches(jobs: readonly CombineJob[]): Promise<readonly CombineResult[]> {
    const results: CombineResult[] = [];
    const size = honestBatch(jobs);
    while (results.length < jobs.length) {
      await turns.next(results);
      const honest = combineHonest(jobs.slice(results.length, results.length + size), keys);
      if (honest === undefined) return [...results, ...(await onThreads(jobs.slice(results.length)))];
      results.push(...honest);
    }
    return results;
  }

  function onThreads(jobs: readonly CombineJob[]): Promise<readonly CombineResult[]> {
    return shareOut(
      jobs,
      weightOfJob,
      (thread, part) => thread.combine(part),
      (part) => inline.combine(part),
    );
  }

  /** Whether some batches in this thread do, so that none has to be started. */
  const isLittle = (jobs: readonly CombineJob[]): boolean =>
    threads.length === 0 && jobs.length <= HONEST_BATCHES_MAX * honestBatch(jobs);

  function track<T>(work: Promise<T>): Promise<T> {
    underway.add(work);
    const forget = (): void => void underway.delete(work);
    work.then(forget, forget);
    return work;
  }

  return {
    combine: (jobs) => tryHere(jobs) ?? track(isLittle(jobs) ? inBatches(jobs) : onThreads(jobs)),
    verify: (sets) =>
      track(
        shareOut(
          sets,
          weightOfSet,
          (thread, part) => thread.verify(part),
          (part) => inline.verify(part),
        ),
      ),
    async close() {
      closed = true;
      await Promise.allSettled(underway);
      await Promise.all(threads.splice(0).map((thread) => thread.end()));
    },
  };
}

const weightOfJob = (job: CombineJob): number => job.publicShares.length;
const weightOfSet = (): number => 1;
/** What a job takes in an honest batch, in the unit of HONEST_WEIGHT_MAX. */
const honestWeight = ({ publicShares }: CombineJob): number => publicShares.length ** 3;
/** How many of these are one batch; none where a single one is too heavy. */
const honestBatch = (jobs: readonly CombineJob[]): number =>
  Math.floor(HONEST_WEIGHT_MAX / Math.max(1, ...jobs.map(honestWeight)));

/** Where the piece of `items` that starts at `from` ends; at `from` itself where a single item is too heavy. */
function endOfPiece<Item>(items: readonly Item[], weigh: (item: Item) => number, from: number): number {
  let weight = 0;
  let end = from;
  while (end < items.length && end - from < INLINE_ITEMS_MAX) {
    weight += weigh(items[end] as Item);
    if (weight > INLINE_WEIGHT_MAX) break;
    end++;
  }
  return end;
}

/** Beside this file, as .ts in the source tree and as .js in the build. */
function threadProgram(): URL {
  return new URL(`./bls-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/** Work in the calling thread, cut so that the event loop gets its turn between the pieces. */
class PiecewiseWork {
  readonly #work = inlineBlsWork();
  /** By the list that a call fills: each call has its own. */
  readonly #turns = new Turns<readonly unknown[]>((give) => void setImmediate(give));

  combine(jobs: readonly CombineJob[]): Promise<readonly CombineResult[]> {
    return this.#inPieces(jobs, weightOfJob, (piece) => this.#work.combine(piece));
  }

  verify(sets: readonly SignatureSet[]): Promise<readonly boolean[]> {
    return this.#inPieces(sets, weightOfSet, (piece) => this.#work.verify(piece));
  }

  async #inPieces<Item, Result>(
    items: readonly Item[],
    weigh: (item: Item) => number,
    work: (piece: readonly Item[]) => Promise<readonly Result[]>,
  ): Promise<readonly Result[]> {
    const results: Result[] = [];
    let at = 0;
    while (at < items.length) {
      // A single item cannot be cut, however heavy.
      const end = Math.max(at + 1, endOfPiece(items, weigh, at));
      await this.#turns.next(results);
      results.push(...(await work(items.slice(at, end))));
      at = end;
    }
    return results;
  }
}

/** One thread and the requests it has not answered. */
class BlsThread {
  readonly #worker: Worker;
  /** Settled with the answer, or with undefined when the thread died. */
  readonly #waiting = new Map<number, (packed: Uint8Array | undefined) => void>();
  readonly #exited: Promise<void>;
  readonly #onCrash: (thread: BlsThread, why: string) => void;
  #nextId = 0;
  #dead = false;

  constructor(program: URL, onCrash: (thread: BlsThread, why: string) => void) {
    this.#onCrash = onCrash;
    this.#worker = new Worker(program, { name: "bls" });
    // A thread without work does not keep the process alive.
    this.#worker.unref();
    this.#worker.on("message", ({ id, packed }: ThreadAnswer) => this.#settle(id, packed));
    this.#worker.on("messageerror", (error) => this.#die(explain(error)));
    this.#worker.on("error", (error) => this.#die(explain(error)));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", (code) => {
        this.#die(`exit code ${code}`);
        resolve();
      });
    });
  }

  get pending(): number {
    return this.#waiting.size;
  }

  async combine(jobs: readonly CombineJob[]): Promise<readonly CombineResult[] | undefined> {
    const packed = await this.#ask("combine", packJobs(jobs));
    return packed && unpackResults(packed);
  }

  async verify(sets: readonly SignatureSet[]): Promise<readonly boolean[] | undefined> {
    const packed = await this.#ask("verify", packSets(sets));
    return packed && Array.from(packed, (byte) => byte === 1);
  }

  /** Ends the thread, which has nothing to do. */
  async end(): Promise<void> {
    this.#dead = true;
    await this.#worker.terminate();
    await this.#exited;
  }

  #ask(kind: ThreadRequest["kind"], packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
    if (this.#dead) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const id = this.#nextId++;
      this.#waiting.set(id, resolve);
      this.#worker.ref();
      this.#worker.postMessage({ id, kind, packed } satisfies ThreadRequest, [packed.buffer]);
    });
  }

  #settle(id: number, packed: Uint8Array | undefined): void {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    settle?.(packed);
  }

  #die(why: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#onCrash(this, why);
    for (const id of this.#waiting.keys()) this.#settle(id, undefined);
  }
}
