import { randomInt } from "node:crypto";
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
  const port = /:(\d+)$/.exec(config.p2pTcpAddresses[0] ?? "")?.[1] ?? "3610";
  const announce = [
    ...(config.p2pExternalIp === "" ? [] : [`/ip4/${config.p2pExternalIp}/tcp/${port}`]),
    ...(config.p2pExternalHostname === "" ? [] : [`/dns/${config.p2pExternalHostname}/tcp/${port}`]),
  ];
  return createP2p({
    privateKey: key.revealBytes(),
    self,
    operators: cluster.operators,
    lockHash: cluster.lockHash,
    clusterUuid: cluster.uuid,
    listen: config.p2pTcpAddresses,
    announce,
    peers: config.p2pPeers,
    relays: config.p2pRelays,
    addressBook: fileAddressBook(addressBookFile(config.dataDir)),
    version,
    nickname: config.nickname,
    builderApi: config.builderApi,
    clock: systemClock,
    random: () => randomInt(1 << 20) / (1 << 20),
    log,
    meter,
    readEnr: parseEnr,
  });
}
