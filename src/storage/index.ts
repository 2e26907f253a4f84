/**
 * What survives a restart: one SQLite file with the slashing memory, notes and duty timelines, behind a thread that waits
 * for the disk; the locks on the data folder and on the private key; files written whole or not at all.
 */

export type { WriteFileOptions } from "../base/index.ts";
export type { DutyQuery } from "./duty-table.ts";
export { StorageError, type StorageErrorCode } from "./errors.ts";
export { type FolderLock, lockDataFolder } from "./folder-lock.ts";
export type { ImportSummary } from "./memory-file.ts";
export { type NodeStore, type NodeStoreOptions, openNodeStore } from "./node-store.ts";
export { lockPrivateKey, type PrivateKeyLockOptions, requireFreePrivateKey } from "./private-key-lock.ts";
export { exportSlashingProtection, importSlashingProtection } from "./slashing-files.ts";
export { makeOutputFolder, writeFileAtomic } from "./write-file.ts";
