import { join } from "node:path";
import { runRelay } from "../../node/index.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Serves a relay until it is asked to stop. */
export async function relay({ chosen }: CommandInput): Promise<void> {
  const { signal } = stopSignals();
  await runRelay(
    {
      privateKeyFile: join(chosen.text("data-dir"), "charon-enr-private-key"),
      makeKey: chosen.flag("auto-p2pkey"),
      httpAddress: chosen.text("http-address"),
      monitoringAddress: chosen.text("monitoring-address"),
      p2pTcpAddresses: chosen.list("p2p-tcp-address"),
      p2pExternalIp: chosen.text("p2p-external-ip"),
      p2pExternalHostname: chosen.text("p2p-external-hostname"),
      tellPrivate: chosen.flag("p2p-advertise-private-addresses"),
      connectionsMax: chosen.number("p2p-max-connections"),
      connectionsPerHostMax: chosen.number("p2p-max-reservations"),
      logLevel: chosen.text("log-level") as "info",
      logFormat: chosen.text("log-format") as "console",
      logColor: chosen.text("log-color") as "auto",
    },
    signal,
  );
}
