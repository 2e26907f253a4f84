/**
 * Voluntary exits that operators sign one after the other, with files that go from hand to hand (docs/adr/0223): what one
 * operator signed, and what comes of the files of a threshold. Sends nothing and opens no keystore.
 */
export { combineExits, type WholeExit } from "./combine-exits.ts";
export { ExitError } from "./errors.ts";
export { type ExitFile, readExitFile, writeExitFile } from "./exit-file.ts";
export { type Leaving, signExits } from "./sign-exits.ts";
