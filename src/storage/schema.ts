/** "TRME": marks the file as ours. */
export const APPLICATION_ID = 0x54524d45;
export const SCHEMA_VERSION = 1;

/**
 * The file's tables. A root is 32 bytes, or empty where an imported file did not tell it. `identity` has one row; its
 * `digest` covers every row of `identity`, `validator`, `attestation`, `block` and `note` (see seal.ts). There is no index
 * beside the tables themselves: SQLite may answer from one, and its copy of a key would be outside the seal.
 */
export const SCHEMA = `
CREATE TABLE identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  lock_hash BLOB NOT NULL,
  genesis_validators_root BLOB,
  sequence INTEGER NOT NULL,
  digest BLOB NOT NULL
) STRICT;
CREATE TABLE validator (
  id INTEGER PRIMARY KEY,
  pubkey BLOB NOT NULL,
  floor_slot INTEGER,
  floor_source INTEGER,
  floor_target INTEGER
) STRICT;
CREATE TABLE attestation (
  validator INTEGER NOT NULL,
  target INTEGER NOT NULL,
  source INTEGER NOT NULL,
  root BLOB NOT NULL,
  PRIMARY KEY (validator, target, source, root)
) STRICT, WITHOUT ROWID;
CREATE TABLE block (
  validator INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  root BLOB NOT NULL,
  PRIMARY KEY (validator, slot, root)
) STRICT, WITHOUT ROWID;
CREATE TABLE note (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE duty (slot INTEGER NOT NULL, kind TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (slot, kind)) STRICT, WITHOUT ROWID;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${SCHEMA_VERSION};
`;
