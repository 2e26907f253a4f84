import { join, resolve } from "node:path";
import { Background } from "./background.ts";

/** Our program as it stands, not built. */
export const SOURCE = resolve(import.meta.dirname, "../../src/main.ts");

/** A relay of either program, not started yet, and where operators ask for its addresses. */
export function relayProcess(
  program: "charon" | "trireme",
  charon: string,
  folder: string,
  [http, p2p, monitoring]: readonly number[],
): { readonly process: Background; readonly url: string } {
  const flags = [
    "relay",
    `--data-dir=${join(folder, "relay")}`,
    `--http-address=127.0.0.1:${http}`,
    `--p2p-tcp-address=127.0.0.1:${p2p}`,
    `--monitoring-address=127.0.0.1:${monitoring}`,
    "--p2p-external-ip=127.0.0.1",
    "--auto-p2pkey",
    "--p2p-advertise-private-addresses",
  ];
  const log = join(folder, "relay.log");
  const process_ =
    program === "charon"
      ? new Background("charon's relay", log, charon, [...flags, "--p2p-relays="])
      : new Background("trireme's relay", log, process.execPath, [SOURCE, ...flags]);
  return { process: process_, url: `http://127.0.0.1:${http}` };
}
