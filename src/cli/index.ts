/**
 * The command line: the table of flags, what was typed and what it means, words and exit codes. Does no work itself; loads
 * what a command needs when it runs, so that small commands start at once.
 */
export { logOutput } from "../base/index.ts";
export { commands } from "./flags.ts";
export { main } from "./main.ts";
export { commandReference } from "./reference.ts";
