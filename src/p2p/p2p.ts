import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { explain } from "../base/index.ts";
import {
  type Clock,
  type Logger,
  type MessageHandler,
  type Meter,
  type ProtocolLimits,
  sleepUntil,
  type Transport,
} from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { ADDRESSES_MAX, type AddressBook } from "./address-book.ts";
import { P2pError } from "./errors.ts";
import { createHost, type Host } from "./host.ts";
import { identityOf, peerIdOf } from "./identity.ts";
import { Peer, type PeerStatus } from "./peer.ts";
import { decodeInfo, encodeInfo, type OwnInfo, PEERINFO_PROTOCOL } from "./peerinfo.ts";
import { isUrl, parseAddress, peerOf, resolveRelay } from "./relays.ts";
import { connectionTo, Inbound, requestMessage, sendMessage } from "./streams.ts";

export interface P2pOptions {
  /** secp256k1, 32 bytes. */
  readonly privateKey: Uint8Array;
  readonly self: OperatorIndex;
  /** All operators of the cluster; 33-byte public keys in lock order. */
  readonly publicKeys: readonly Uint8Array[];
  readonly lockHash: Uint8Array;
  /** "host:port" */
  readonly listen: readonly string[];
  /** Multiaddrs told to peers, for a node behind a router. */
  readonly announce: readonly string[];
  /** Multiaddrs of peers that are known to their operator. */
  readonly peers: readonly string[];
  /** Multiaddrs or URLs of relays. */
  readonly relays: readonly string[];
  readonly addressBook: AddressBook;
  readonly version: string;
  readonly nickname: string;
  readonly builderEnabled: boolean;
  readonly clock: Clock;
  readonly jitter: () => number;
  readonly log: Logger;
  readonly meter: Meter;
}

export interface P2p {
  readonly transport: Transport;
  start(): Promise<void>;
  stop(): Promise<void>;
  status(): readonly PeerStatus[];
  /** Our own addresses with our peer id, as others can dial them. */
  addresses(): readonly string[];
}

const PEERINFO_LIMITS: ProtocolLimits = {
  messageBytesMax: 64 * 1024,
  messagesPerSecondMax: 2,
  burstMax: 20,
  receiveTimeoutMs: 5_000,
};
const INFO_EVERY_MS = 60_000;
const RELAYS_EVERY_MS = 120_000;
const RELAY_RETRY_MS = 5_000;

/** The network between the operators of one cluster. */
export async function createP2p(options: P2pOptions): Promise<P2p> {
  const { clock, self } = options;
  const log = options.log.room("p2p");
  const ids = options.publicKeys.map(peerIdOf);
  const operatorById = new Map(ids.map((id, index) => [id.toString(), index as OperatorIndex]));
  const relays = new Map<string, Multiaddr>();
  const configured = options.peers.map((text) => parseAddress(text, "a peer address"));
  const book = new Map(Object.entries(options.addressBook.load()));
  const stopping = new AbortController();
  const own: OwnInfo = {
    version: options.version,
    lockHash: options.lockHash,
    startedAt: clock.now(),
    nickname: options.nickname,
    builderEnabled: options.builderEnabled,
  };

  const host = await createHost({
    privateKey: identityOf(options.privateKey),
    listen: options.listen,
    announce: options.announce,
    userAgent: `trireme/${options.version}`,
    admits: (peer) => operatorById.has(peer.toString()) || relays.has(peer.toString()),
  });
  const inbound = new Inbound({
    operatorOf: (peer) => operatorById.get(peer.toString()),
    log,
    meter: options.meter,
    now: () => clock.now(),
  });
  const handlers: { protocol: string; limits: ProtocolLimits; handler: MessageHandler }[] = [];
  const peers = ids.flatMap((id, index) =>
    index === self
      ? []
      : [
          new Peer({
            operator: index as OperatorIndex,
            id,
            host,
            clock,
            log,
            jitter: options.jitter,
            addresses: () => addressesOf(id.toString()),
            onConnected,
          }),
        ],
  );
  const peerOfOperator = (operator: OperatorIndex): Peer => {
    const peer = peers.find((one) => one.operator === operator);
    if (peer === undefined)
      throw new P2pError("p2p/unreachable", "send message", {
        facts: { reason: "no such peer", peer: operator },
      });
    return peer;
  };

  const pingSuccess = options.meter.gauge(
    "p2p_ping_success",
    "Whether the last ping was successful (1) or not (0). Can be used as proxy for connected peers",
    ["peer"],
  );
  const pingLatency = options.meter.gauge("trireme_p2p_ping_seconds", "Round trip of the last ping", [
    "peer",
  ]);
  const clockOffset = options.meter.gauge(
    "app_peerinfo_clock_offset_seconds",
    "Peer clock offset in seconds",
    ["peer"],
  );
  const peerVersion = options.meter.gauge(
    "app_peerinfo_version",
    "Constant gauge with version label set to peer's charon version",
    ["peer", "version"],
  );

  /** Where a peer may be: what its operator told us, where it was last time, and behind each relay. */
  function addressesOf(id: string): readonly Multiaddr[] {
    const direct = [
      ...configured.filter((address) => peerOf(address) === id),
      ...(book.get(id) ?? []).map((text) => multiaddr(text)),
    ];
    const circuits = [...relays.values()].map((relay) =>
      multiaddr(`${relay.toString()}/p2p-circuit/p2p/${id}`),
    );
    return [...new Map([...direct, ...circuits].map((address) => [address.toString(), address])).values()];
  }

  function onConnected(peer: Peer): void {
    rememberAddresses(peer).catch(() => {});
    void askInfo(peer);
  }

  async function rememberAddresses(peer: Peer): Promise<void> {
    const remote = connectionTo(host, peer.id)?.remoteAddr.toString();
    const known = await host.peerStore.get(peer.id);
    const listed = known.addresses.map(
      ({ multiaddr: address }) => `${address.toString()}/p2p/${peer.id.toString()}`,
    );
    const outbound =
      connectionTo(host, peer.id)?.direction === "outbound" && remote !== undefined ? [remote] : [];
    const good = [...outbound, ...listed].filter((text) => !text.includes("p2p-circuit"));
    if (good.length === 0) return;
    book.set(
      peer.id.toString(),
      [...new Set([...good, ...(book.get(peer.id.toString()) ?? [])])].slice(0, ADDRESSES_MAX),
    );
    options.addressBook.save(Object.fromEntries(book));
  }

  async function askInfo(peer: Peer): Promise<void> {
    const askedAt = clock.now();
    try {
      const answer = await requestMessage(
        host,
        peer.id,
        PEERINFO_PROTOCOL,
        encodeInfo(own, askedAt),
        stopping.signal,
      );
      peer.info = decodeInfo(answer, askedAt, clock.now());
      const name = `node${peer.operator}`;
      if (peer.info.clockOffsetMs !== undefined)
        clockOffset.set(peer.info.clockOffsetMs / 1000, { peer: name });
      peerVersion.set(1, { peer: name, version: peer.info.version });
    } catch (error) {
      if (!stopping.signal.aborted)
        log.debug("Peer did not tell about itself", { peer: peer.operator, why: explain(error) });
    }
  }

  async function repeat(everyMs: number, action: () => Promise<void> | void): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleepUntil(clock, clock.now() + everyMs, stopping.signal).catch(() => {});
      if (!stopping.signal.aborted) await action();
    }
  }

  async function useRelay(entry: string): Promise<void> {
    while (!stopping.signal.aborted) {
      let waitMs = RELAYS_EVERY_MS;
      try {
        for (const address of await resolveRelay(entry, options.lockHash, log, stopping.signal)) {
          const id = peerOf(address);
          if (id === undefined || relays.has(id)) continue;
          // Known before it is dialled: the gater lets nobody else in.
          relays.set(id, address);
          try {
            await listenThrough(host, address);
            log.info("Relay reserved a place for us", { relay: entry });
          } catch (error) {
            relays.delete(id);
            throw error;
          }
          for (const peer of peers) if (!peer.connected) peer.poke();
        }
        if (!isUrl(entry)) return;
      } catch (error) {
        waitMs = RELAY_RETRY_MS;
        if (!stopping.signal.aborted)
          log.debug("Relay cannot be used", { relay: entry, why: explain(error) });
      }
      await sleepUntil(clock, clock.now() + waitMs, stopping.signal).catch(() => {});
    }
  }

  const transport: Transport = {
    self,
    operatorCount: ids.length,
    connected: () => peers.filter((peer) => peer.connected).map((peer) => peer.operator),
    send: (to, protocol, message, signal) =>
      sendMessage(host, peerOfOperator(to).id, protocol, message, signal),
    request: (to, protocol, message, signal) =>
      requestMessage(host, peerOfOperator(to).id, protocol, message, signal),
    handle: (protocol, limits, handler) => void handlers.push({ protocol, limits, handler }),
  };
  transport.handle(PEERINFO_PROTOCOL, PEERINFO_LIMITS, () => encodeInfo(own, clock.now()));

  return {
    transport,
    async start() {
      for (const { protocol, limits, handler } of handlers)
        await inbound.register(host, protocol, limits, handler);
      const poke = (id: string): void => peers.find((peer) => peer.id.toString() === id)?.poke();
      host.addEventListener("peer:connect", (event) => poke(event.detail.toString()));
      host.addEventListener("peer:disconnect", (event) => poke(event.detail.toString()));
      try {
        await host.start();
      } catch (cause) {
        throw new P2pError("p2p/cannot-listen", "listen for peers", {
          cause,
          facts: { addresses: options.listen },
          hint: "Another program may use the port; choose one with --p2p-tcp-address.",
        });
      }
      for (const peer of peers) void peer.keep(stopping.signal);
      for (const entry of options.relays) void useRelay(entry);
      void repeat(INFO_EVERY_MS, async () => {
        await Promise.all(peers.filter((peer) => peer.connected).map(askInfo));
      });
      void repeat(PING_REPORT_MS, () => {
        for (const peer of peers) {
          pingSuccess.set(peer.connected ? 1 : 0, { peer: `node${peer.operator}` });
          if (peer.rttMs !== undefined) pingLatency.set(peer.rttMs / 1000, { peer: `node${peer.operator}` });
        }
      });
    },
    async stop() {
      stopping.abort(new Error("stopping"));
      await host.stop();
    },
    status: () => peers.map((peer) => peer.status()),
    addresses: () => host.getMultiaddrs().map((address) => address.toString()),
  };
}

const PING_REPORT_MS = 2_000;
const RESERVE_TIMEOUT_MS = 10_000;

/** Reserves a place at a relay, so that peers can reach us through it. */
async function listenThrough(host: Host, relay: Multiaddr): Promise<void> {
  // libp2p has no public call to listen on a further address; its transport manager has.
  const { components } = host as unknown as {
    components: { transportManager: { listen(addresses: Multiaddr[]): Promise<void> } };
  };
  const reserved = components.transportManager.listen([multiaddr(`${relay.toString()}/p2p-circuit`)]);
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(
      () =>
        reject(
          new P2pError("p2p/unreachable", "reserve a place at the relay", {
            facts: { reason: "no answer in time" },
          }),
        ),
      RESERVE_TIMEOUT_MS,
    );
    reserved.finally(() => clearTimeout(timer)).catch(() => {});
  });
  await Promise.race([reserved, late]);
}
