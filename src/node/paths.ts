import { join } from "node:path";

/** Our own state below a node's folder; everything else there is laid out as Charon's. */
export const ownFolder = (dataDir: string): string => join(dataDir, "trireme");
/** The slashing memory and duty timelines. */
export const slashingDatabase = (dataDir: string): string => join(ownFolder(dataDir), "node.sqlite");
/** Where peers were last reached. */
export const addressBookFile = (dataDir: string): string => join(ownFolder(dataDir), "peers.json");
/** What an interrupted key ceremony remembers. */
export const ceremonyJournal = (dataDir: string): string => join(ownFolder(dataDir), "ceremony.journal");
