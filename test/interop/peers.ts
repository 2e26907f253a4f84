import { existsSync } from "node:fs";

/** Programs of others that interop tests run, by the environment variable that holds each one's path. */
export type PeerProgram = "CHARON_BIN" | "PRYSM_VALIDATOR_BIN" | "VOUCH_BIN" | "GETH_BIN";

/** The program's path, or the reason why the tests that need it skip. */
export function peerProgram(name: PeerProgram): { path: string; skip: false } | { path: ""; skip: string } {
  const path = process.env[name];
  if (path === undefined || path === "")
    return { path: "", skip: `NOT TESTED: set ${name} to the program's path` };
  if (!existsSync(path)) return { path: "", skip: `NOT TESTED: ${name} is ${path}, and no file is there` };
  return { path, skip: false };
}

/** Why a scenario does not run although its programs are there; false when it does. */
export function notPicked(name: string): string | false {
  const only = process.env["INTEROP_ONLY"] ?? "";
  return name.includes(only) ? false : `NOT TESTED: INTEROP_ONLY is "${only}"`;
}
