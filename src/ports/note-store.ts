/**
 * Small named values that survive a crash. Implementations: storage/ (in the node's file), sim/disk.ts.
 *
 * @throws StorageError `storage/unavailable` from every method.
 */
export interface NoteStore {
  readNote(key: string): Promise<Uint8Array | undefined>;
  /** Durable when it settles. Undefined removes the note. */
  writeNote(key: string, value: Uint8Array | undefined): Promise<void>;
  /** All keys that begin with `prefix`, in order. */
  noteKeys(prefix: string): Promise<readonly string[]>;
}
