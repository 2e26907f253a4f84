import { parentPort, workerData } from "node:worker_threads";
import { present } from "../base/index.ts";
import { errorToData } from "./errors.ts";
import { MemoryFile } from "./memory-file.ts";
import type { OpenOptions } from "./open-file.ts";
import { unpackVotes } from "./packed-votes.ts";
import { OPENING, type StoreAnswer, type StoreMessage } from "./store-messages.ts";

/**
 * The storage thread: waits for the disk so that the event loop need not. Votes go first and share one wait; pruning and
 * folding the log happen when nobody waits.
 */
const port = present(parentPort, "the port of the storage thread");
const QUIET_MS = 1_000;

type Admit = Extract<StoreMessage, { kind: "admit" }>;
type Other = Exclude<StoreMessage, { kind: "admit" }>;

function serve(file: MemoryFile): void {
  const admits: Admit[] = [];
  const others: Other[] = [];
  let woken = false;
  let housekeeping: NodeJS.Timeout | undefined;

  const turn = (): void => {
    woken = false;
    const batch = admits.splice(0);
    if (batch.length > 0) admitAll(file, batch);
    const next = others.shift();
    if (next !== undefined) answer(next.id, () => perform(file, next));
    clearTimeout(housekeeping);
    if (next?.kind === "close") return port.close();
    housekeeping = setTimeout(() => tidy(file), QUIET_MS);
    // What is on disk is not known any more, and nothing but a new process can find out.
    if (file.broken !== undefined)
      setImmediate(() => {
        throw file.broken;
      });
    if (others.length > 0) wake();
  };
  const wake = (): void => {
    if (woken) return;
    woken = true;
    setImmediate(turn); // Lets votes that are already in the port join this turn.
  };
  port.on("message", (message: StoreMessage) => {
    if (message.kind === "admit") admits.push(message);
    else others.push(message);
    wake();
  });
}

function admitAll(file: MemoryFile, batch: readonly Admit[]): void {
  try {
    const verdicts = file.admit(batch.map(({ votes }) => unpackVotes(votes)));
    batch.forEach(({ id }, i) => post({ id, ok: true, value: verdicts[i] }));
    if (file.logTooLong) file.checkpoint();
  } catch (error) {
    for (const { id } of batch) post({ id, ok: false, error: errorToData(error) });
  }
}

function perform(file: MemoryFile, request: Other): unknown {
  switch (request.kind) {
    case "import":
      return file.import(request.interchange);
    case "export":
      return file.export(request.as);
    case "standing":
      return file.standing();
    case "trust":
      return file.trust();
    case "save-duties":
      return file.saveDuties(request.records);
    case "duties":
      return file.duties(request.query);
    case "read-note":
      return file.readNote(request.key);
    case "write-note":
      return file.writeNote(request.key, request.value);
    case "note-keys":
      return file.noteKeys(request.prefix);
    case "close":
      return file.close();
  }
}

function tidy(file: MemoryFile): void {
  try {
    file.prune();
    file.checkpoint();
  } catch {
    // A disk that fails here fails the next vote too, and that one is answered for.
  }
}

function answer(id: number, work: () => unknown): void {
  try {
    post({ id, ok: true, value: work() });
  } catch (error) {
    post({ id, ok: false, error: errorToData(error) });
  }
}

function post(message: StoreAnswer): void {
  port.postMessage(message);
}

try {
  const file = new MemoryFile(workerData as OpenOptions);
  serve(file);
  post({ id: OPENING, ok: true, value: undefined });
} catch (error) {
  post({ id: OPENING, ok: false, error: errorToData(error) });
}
