import { randomInt } from "node:crypto";
import { isIP } from "node:net";
import { parseEnr } from "../cluster/index.ts";
import { createP2p, fileAddressBook, type P2p } from "../p2p/index.ts";
import type { Logger, Meter } from "../ports/index.ts";
import { systemClock } from "./clock.ts";
import type { RunConfig } from "./config.ts";
import type { Identity } from "./identity.ts";
import { addressBookFile } from "./paths.ts";
import { version } from "./version.ts";

/** This node among its peers; nothing is opened before it is started. */
export function makeP2p(config: RunConfig, { cluster, key, self }: Identity, log: Logger, meter: Meter): P2p {
  return createP2p({
    privateKey: key.revealBytes(),
    self,
    operators: cluster.operators,
    lockHash: cluster.lockHash,
    clusterUuid: cluster.uuid,
    listen: config.p2pTcpAddresses,
    announce: announced(config),
    peers: config.p2pPeers,
    relays: config.p2pRelays,
    addressBook: fileAddressBook(addressBookFile(config.dataDir)),
    version,
    nickname: config.nickname,
    builderApi: config.builderApi,
    clock: systemClock,
    random,
    log,
    meter,
    readEnr: parseEnr,
  });
}

/** Chance for what must only differ between nodes, such as the moment of a redial. From 0 to below 1. */
export const random = (): number => randomInt(1 << 20) / (1 << 20);

/** Where others find this node, as its operator says; none where he leaves it to the node. */
export function announced(
  config: Pick<RunConfig, "p2pTcpAddresses" | "p2pExternalIp" | "p2pExternalHostname">,
): readonly string[] {
  const { p2pExternalIp, p2pExternalHostname } = config;
  const port = listeningPort(config);
  const ip = isIP(p2pExternalIp) === 6 ? `[${p2pExternalIp}]` : p2pExternalIp;
  return [ip, p2pExternalHostname].filter((host) => host !== "").map((host) => `${host}:${port}`);
}

/** The port of the first listening address. */
export function listeningPort({ p2pTcpAddresses }: Pick<RunConfig, "p2pTcpAddresses">): string {
  return /[:/](\d+)$/.exec(p2pTcpAddresses[0] ?? "")?.[1] ?? "3610";
}
