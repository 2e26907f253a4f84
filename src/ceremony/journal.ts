import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, proto, syncPath, systemAdvice } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { CeremonyError } from "./errors.ts";
import { JOURNAL_BYTES_MAX } from "./limits.ts";
import { Shown } from "./shown.ts";

/**
 * What a ceremony must remember across a kill. `begin` opens it. `seed` is the one secret: everything else of ours follows
 * from it and from what was received. `attempt` and `received` are what a peer said, `signed` which of a peer's broadcasts
 * we have confirmed, `made` a broadcast of ours with everybody's signatures, `step` how far we have told others we are,
 * `over` that everybody has its results.
 */
export type JournalRecord =
  | { readonly kind: "begin"; readonly attempt: Uint8Array }
  | { readonly kind: "seed"; readonly seed: Uint8Array; readonly dialect: string }
  | { readonly kind: "attempt"; readonly peer: number; readonly attempt: Uint8Array }
  | ({ readonly kind: "signed"; readonly peer: number; readonly id: string } & Shown)
  | { readonly kind: "received"; readonly peer: number; readonly id: string; readonly message: Uint8Array }
  | { readonly kind: "made"; readonly id: string; readonly message: Uint8Array }
  | { readonly kind: "step"; readonly step: number }
  | { readonly kind: "over" };

const kinds = ["begin", "seed", "attempt", "signed", "received", "made", "step", "over"] as const;
const Flat = proto.message({
  kind: proto.uint32(1),
  peer: proto.uint32(2),
  id: proto.string(3),
  bytes: proto.bytes(4),
  step: proto.uint32(5),
});

const magic = Buffer.from("trireme ceremony 3\n");
const SALT_BYTES = 32;
/** The length of a record, and the same inverted. */
const LENGTH_BYTES = 8;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * An append-only file, mode 0600, each record encrypted under a key that follows from the node key. A record is on the disk
 * for good when `append` has settled; records that are appended together share one wait for the disk.
 *
 * A kill or a power loss leaves the records that were being written cut off, or zeros in their place: nobody was told of
 * them, and they are dropped when it is opened. Any other damage is refused. What the journal forgets was said to others
 * already, and whoever draws a new seed after that, or confirms another message, contradicts itself, which breaks the
 * ceremony for all and could give the key away.
 */
export class Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #key: Uint8Array;
  #size: number;
  #index: number;
  #waiting: Uint8Array[] = [];
  #commit: Promise<void> = Promise.resolve();
  #scheduled: Promise<void> | undefined;

  private constructor(
    path: string,
    file: FileHandle,
    key: Uint8Array,
    end: { readonly size: number; readonly index: number },
  ) {
    this.#path = path;
    this.#file = file;
    this.#key = key;
    this.#size = end.size;
    this.#index = end.index;
  }

  /**
   * Opens the journal of one definition, or begins it.
   *
   * @returns `records` in the order in which they were appended; none for a new one.
   * @throws CeremonyError `ceremony/journal` - it is of another ceremony or node key, damaged, or no journal; it stays as it is.
   */
  static async open(
    path: string,
    nodeKey: NodeKey,
    definitionHash: Uint8Array,
  ): Promise<{ readonly journal: Journal; readonly records: readonly JournalRecord[] }> {
    const file = await openFile(path);
    try {
      await file.chmod(0o600);
      const { size } = await file.stat();
      if (size > JOURNAL_BYTES_MAX) throw unusable(path, "it is too large to be one");
      const content = new Uint8Array(await file.readFile());
      const head = magic.length + definitionHash.length + SALT_BYTES;
      const written = writtenLength(content);
      const begun = Math.min(written, magic.length);
      if (written < head && magic.subarray(0, begun).equals(content.subarray(0, begun))) {
        // New, or killed before anything could follow its head.
        const salt = new Uint8Array(randomBytes(SALT_BYTES));
        await file.truncate(0);
        await writeAll(file, Buffer.concat([magic, definitionHash, salt]), 0);
        await file.sync();
        await syncPath(dirname(path));
        return {
          journal: new Journal(path, file, keyOf(nodeKey, salt), { size: head, index: 0 }),
          records: [],
        };
      }
      if (!magic.equals(content.subarray(0, magic.length)))
        throw unusable(
          path,
          /^trireme ceremony \d+\n/.test(Buffer.from(content.subarray(0, 32)).toString("latin1"))
            ? "another version of this program has written it"
            : "it is no journal",
        );
      if (Buffer.compare(definitionHash, content.subarray(magic.length, head - SALT_BYTES)) !== 0)
        throw unusable(path, "it is of a ceremony for another cluster definition");
      const key = keyOf(nodeKey, content.subarray(head - SALT_BYTES, head));
      const { records, end, isDamaged } = readRecords(content, { from: head, to: written, key });
      if (isDamaged)
        throw unusable(
          path,
          records.length === 0
            ? "its first record is damaged, or of another node key"
            : `it is damaged after ${records.length} records, at byte ${end}`,
        );
      await file.truncate(end);
      return { journal: new Journal(path, file, key, { size: end, index: records.length }), records };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Settles when the record is on the disk for good.
   *
   * @throws CeremonyError `ceremony/journal` - it could not be written.
   */
  append(record: JournalRecord): Promise<void> {
    this.#waiting.push(seal(this.#key, this.#index++, encode(record)));
    this.#scheduled ??= this.#commit.then(() => this.#write());
    return this.#scheduled;
  }

  /** Ends writing; the file stays. */
  async close(): Promise<void> {
    await this.#scheduled;
    await this.#commit;
    await this.#file.close();
  }

  /** Removes it for good and overwrites what it was, in this order: half overwritten it would be taken for damaged. */
  async destroy(): Promise<void> {
    await this.#scheduled?.catch(() => {});
    await unlink(this.#path);
    await syncPath(dirname(this.#path));
    await writeAll(this.#file, new Uint8Array(this.#size), 0);
    await this.#file.sync();
    await this.#file.close();
  }

  #write(): Promise<void> {
    const batch = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#scheduled = undefined;
    this.#commit = this.#append(batch);
    return this.#commit;
  }

  async #append(batch: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#file, batch, this.#size);
      this.#size += batch.length;
      await this.#file.datasync();
    } catch (error) {
      throw unwritable(error);
    }
  }
}

/** The file, with its folder. */
async function openFile(path: string): Promise<FileHandle> {
  try {
    makeFolder(dirname(path), 0o700);
    return await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    throw new CeremonyError("ceremony/journal", "open the journal of the ceremony", {
      cause,
      facts: { path },
      hint: systemAdvice(cause) ?? "Look at the disk, and at the owner and the permissions of the folder.",
    });
  }
}

/** A single write may stop early. */
async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

function unusable(path: string, why: string): CeremonyError {
  return new CeremonyError("ceremony/journal", `open the journal of an interrupted ceremony: ${why}`, {
    facts: { path },
    hint:
      "To go on, use the program, the definition and the node key it was begun with, or a sound copy of the file that nothing was written to since. " +
      "Else ask the other operators: while none of them has key shares of this ceremony, delete the file, and all start again. If one has them, yours are whole in ceremony-draft beside this file: " +
      "move what is in there to the data folder, then delete the file.",
  });
}

function unwritable(error: unknown): CeremonyError {
  return new CeremonyError("ceremony/journal", "write the journal of the ceremony", {
    cause: error,
    hint: "Free disk space or correct its permissions, then run the same command again.",
  });
}

function keyOf(nodeKey: NodeKey, salt: Uint8Array): Uint8Array {
  const secret = nodeKey.revealBytes();
  try {
    return new Uint8Array(hkdfSync("sha256", secret, salt, "trireme ceremony journal", 32));
  } finally {
    secret.fill(0);
  }
}

/** Length twice, initialisation vector, ciphertext and tag; the place in the file is authenticated too. */
function seal(key: Uint8Array, index: number, plain: Uint8Array): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(placeOf(index));
  const body = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(body.length);
  length.writeUInt32BE(~body.length >>> 0, 4);
  return Buffer.concat([length, body]);
}

function unseal(key: Uint8Array, index: number, body: Uint8Array): Uint8Array | undefined {
  if (body.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, IV_BYTES));
  decipher.setAAD(placeOf(index));
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  try {
    return new Uint8Array(
      Buffer.concat([decipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]),
    );
  } catch {
    return undefined;
  }
}

function placeOf(index: number): Uint8Array {
  const place = Buffer.alloc(4);
  place.writeUInt32BE(index);
  return place;
}

/** So many zeros at the end are no ciphertext's: one in four thousand million ends so. */
const ZERO_BYTES_MIN = 4;

/** The length without the zeros at the end, which stand where a file grew before its content came. */
function writtenLength(content: Uint8Array): number {
  const end = content.findLastIndex((byte) => byte !== 0) + 1;
  return content.length - end >= ZERO_BYTES_MIN ? end : content.length;
}

/**
 * Reads records up to the first that is not whole. A file can only be cut off at its end (`to`): a record that should be whole
 * and is not, or a length that is none, is damage.
 */
function readRecords(
  content: Uint8Array,
  { from, to, key }: { readonly from: number; readonly to: number; readonly key: Uint8Array },
): { readonly records: readonly JournalRecord[]; readonly end: number; readonly isDamaged: boolean } {
  const view = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const records: JournalRecord[] = [];
  let at = from;
  while (at + LENGTH_BYTES <= to) {
    const length = view.readUInt32BE(at);
    if (view.readUInt32BE(at + 4) !== ~length >>> 0) return { records, end: at, isDamaged: true };
    const end = at + LENGTH_BYTES + length;
    const plain =
      end <= content.length
        ? unseal(key, records.length, content.subarray(at + LENGTH_BYTES, end))
        : undefined;
    if (plain === undefined) return { records, end: at, isDamaged: end <= to };
    records.push(decode(plain));
    at = end;
  }
  return { records, end: at, isDamaged: false };
}

function encode(record: JournalRecord): Uint8Array {
  const flat = {
    kind: kinds.indexOf(record.kind) + 1,
    peer: 0,
    id: "",
    bytes: new Uint8Array(0),
    step: 0,
  };
  switch (record.kind) {
    case "begin":
      return Flat.encode({ ...flat, bytes: record.attempt });
    case "seed":
      return Flat.encode({ ...flat, bytes: record.seed, id: record.dialect });
    case "attempt":
      return Flat.encode({ ...flat, peer: record.peer, bytes: record.attempt });
    case "signed":
      return Flat.encode({ ...flat, peer: record.peer, id: record.id, bytes: Shown.encode(record) });
    case "received":
      return Flat.encode({ ...flat, peer: record.peer, id: record.id, bytes: record.message });
    case "made":
      return Flat.encode({ ...flat, id: record.id, bytes: record.message });
    case "step":
      return Flat.encode({ ...flat, step: record.step });
    case "over":
      return Flat.encode(flat);
  }
}

function decode(plain: Uint8Array): JournalRecord {
  const { kind: number, peer, id, bytes, step } = Flat.decode(plain);
  const kind = kinds[number - 1];
  if (kind === undefined)
    throw new CeremonyError("ceremony/journal", "read a record of the journal", {
      facts: { kind: number },
      hint: "A newer version of this program has written it; go on with that version.",
    });
  switch (kind) {
    case "begin":
      return { kind, attempt: bytes };
    case "seed":
      return { kind, seed: bytes, dialect: id };
    case "attempt":
      return { kind, peer, attempt: bytes };
    case "signed":
      return { kind, peer, id, ...Shown.decode(bytes) };
    case "received":
      return { kind, peer, id, message: bytes };
    case "made":
      return { kind, id, message: bytes };
    case "step":
      return { kind, step };
    case "over":
      return { kind };
  }
}
