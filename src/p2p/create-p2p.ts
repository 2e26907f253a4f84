import { randomUUID } from "node:crypto";
import type { Connection } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { assert, explain, toHex } from "../base/index.ts";
import type { Channels, Logger, Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { ADDRESSES_LIMITS, ADDRESSES_PROTOCOL, AddressExchange } from "./address-exchange.ts";
import { credibleAddresses, tcpAddress } from "./addresses.ts";
import { ChannelServer, StreamChannel } from "./channel.ts";
import { Dialer } from "./dialer.ts";
import { P2pError } from "./errors.ts";
import { Heartbeat, PING_PROTOCOL } from "./heartbeat.ts";
import { createHost, type Host, serveProtocol, startHost } from "./host.ts";
import { Inbound } from "./inbound.ts";
import {
  ADDRESSES_BYTES_MAX,
  ADDRESSES_MAX_PER_PEER,
  PEERINFO_BYTES_MAX,
  PING_STREAMS_MAX,
  RELAYS_MAX,
} from "./limits.ts";
import { AGENT_PREFIX, Links } from "./links.ts";
import { Outbound } from "./outbound.ts";
import { PeerPlaces } from "./peer-places.ts";
import { PEERINFO_LIMITS, PEERINFO_PROTOCOL, PeerInfoExchange } from "./peerinfo.ts";
import { PingServer } from "./ping-server.ts";
import { Relay } from "./relay.ts";
import { readRelay } from "./relay-address.ts";
import { Roster } from "./roster.ts";
import type { P2p, P2pOptions, PeerStatus } from "./types.ts";
import { Violations } from "./violations.ts";

/**
 * Connects the operators of a cluster: a libp2p node that speaks Charon's protocols, finds its peers and stays connected to
 * them.
 *
 * @throws P2pError `p2p/bad-option`
 */
export function createP2p(options: P2pOptions): P2p {
  return new Network(options);
}

class Network implements P2p {
  readonly transport: Transport;
  readonly channels: Channels;
  readonly #roster: Roster;
  readonly #violations: Violations;
  readonly #links: Links;
  readonly #heartbeat: Heartbeat;
  readonly #pings: PingServer;
  readonly #inbound: Inbound;
  readonly #outbound: Outbound;
  readonly #channelServer: ChannelServer;
  readonly #places: PeerPlaces;
  readonly #peerinfo: PeerInfoExchange;
  readonly #addresses: AddressExchange;
  readonly #relays: readonly Relay[];
  readonly #relayTexts: readonly string[];
  readonly #dialers: ReadonlyMap<OperatorIndex, Dialer>;
  readonly #listen: ReturnType<typeof tcpAddress>[];
  readonly #announce: ReturnType<typeof tcpAddress>[];
  readonly #agent: string;
  readonly #log: Logger;
  readonly #end = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #host: Host | undefined;

  constructor(options: P2pOptions) {
    const { clock, meter } = options;
    const log = options.log.room("p2p");
    const random = options.random ?? Math.random;
    const now = (): number => performance.now();
    this.#log = log;
    this.#agent = `${AGENT_PREFIX}${options.version}/${randomUUID()}`;
    this.#listen = options.listen.map((text) => tcpAddress(text, "listen address"));
    this.#announce = (options.announce ?? []).map((text) => tcpAddress(text, "announced address"));
    const roster = new Roster(options.operators, options.self, options.privateKey);
    this.#roster = roster;
    this.#violations = new Violations({ log, meter, now, onExcess: (name) => this.#putOut(name) });
    const violations = this.#violations;
    const links = new Links({
      roster,
      log,
      meter,
      violations,
      onReturn: () => {
        for (const dialer of this.#dialers.values()) dialer.callBack();
      },
    });
    this.#links = links;
    this.#heartbeat = new Heartbeat({ links, meter });
    this.#pings = new PingServer({ roster, violations, now });
    this.#inbound = new Inbound({ roster, violations, log, meter, now });
    this.#outbound = new Outbound({ links, meter });
    this.#channelServer = new ChannelServer({ roster, violations, log });
    this.#places = new PeerPlaces({ book: options.addressBook, log, roster }, options.peers ?? []);
    this.#peerinfo = new PeerInfoExchange(
      {
        clock,
        log,
        meter,
        links,
        roster,
        request: (to, message, signal) =>
          this.#outbound.request(to, PEERINFO_PROTOCOL, message, signal, PEERINFO_BYTES_MAX),
      },
      nodeInfo(options),
    );
    this.#addresses = new AddressExchange({
      links,
      log,
      places: this.#places,
      roster,
      request: ({ operator }, message, signal) =>
        this.#outbound.request(operator, ADDRESSES_PROTOCOL, message, signal, ADDRESSES_BYTES_MAX),
    });
    this.#relayTexts = options.relays ?? [];
    this.#relays = this.#createRelays(options, log, random);
    this.#dialers = new Map(
      roster.peers.map((peer) => {
        const host = { connect: (address: string, signal: AbortSignal) => this.#connect(address, signal) };
        const dialer = new Dialer(peer, {
          host,
          places: this.#places,
          links,
          relays: this.#relays,
          roster,
          log,
          random,
        });
        return [peer.operator, dialer];
      }),
    );
    this.transport = this.#createTransport();
    this.channels = {
      untilConnected: (to, signal) => links.untilConnected(to, signal),
      open: async (to, protocol, signal) =>
        new StreamChannel(to, await this.#outbound.openStream(to, protocol, signal)),
      serve: (protocol, take) => {
        assert(this.#host === undefined, `protocol ${protocol} registered after start`);
        this.#channelServer.register(protocol, take);
      },
    };
  }

  async start(): Promise<void> {
    assert(this.#host === undefined && !this.#end.signal.aborted, "p2p started twice");
    this.#inbound.register(
      PEERINFO_PROTOCOL,
      PEERINFO_LIMITS,
      (from, question) =>
        from.kind === "operator" ? this.#peerinfo.answerTo(from.peer, question) : this.#peerinfo.own(),
      { relaysToo: true },
    );
    this.#inbound.register(
      ADDRESSES_PROTOCOL,
      ADDRESSES_LIMITS,
      (from) => {
        assert(from.kind === "operator", "message of a relay where none may be");
        return this.#addresses.answerTo(from.peer);
      },
      { relaysToo: false },
    );
    await this.#places.load();
    const host = await createHost(
      {
        roster: this.#roster,
        violations: this.#violations,
        peersAt: (host) => this.#places.peersAt(host),
        onTurnedAway: (names) => {
          for (const { name, operator } of this.#roster.peers)
            if (names.includes(name)) this.#dialers.get(operator)?.callBack();
        },
        isNamed: (host) =>
          this.#places.isNamed(host) || this.#relayTexts.some((text) => text.split(/[/:]+/).includes(host)),
      },
      {
        listen: this.#listen,
        announce: this.#announce,
        agent: this.#agent,
        useRelays: this.#relays.length > 0,
      },
    );
    this.#host = host;
    host.node.addEventListener("connection:open", ({ detail }) => this.#onConnection(detail));
    host.node.addEventListener("peer:identify", ({ detail }) => {
      const link = this.#links.of(detail.connection);
      if (link === undefined) return;
      this.#links.verify(link);
      this.#links.introduced(link, detail.agentVersion ?? "");
      const claimed = detail.listenAddrs.map(String);
      const via = detail.connection.remoteAddr.toString();
      this.#places.told(link.peer, credibleAddresses(claimed, via, ADDRESSES_MAX_PER_PEER));
    });
    await this.#serveAll(host);
    await startHost(host, this.#listen);
    this.#log.info("Listening for peers", {
      addresses: this.listenAddresses(),
      peerId: this.#roster.self.id,
    });
    const { signal } = this.#end;
    for (const relay of this.#relays) this.#own(relay.keep(signal));
    for (const dialer of this.#dialers.values()) this.#own(dialer.keep(signal));
    for (const peer of this.#roster.peers) {
      this.#own(this.#peerinfo.keepAsking(peer, signal));
      this.#own(this.#addresses.keepAsking(peer, signal));
    }
  }

  async stop(): Promise<void> {
    this.#end.abort(new Error("p2p stopped"));
    await this.#host?.node.stop();
    await Promise.all(this.#tasks);
    await this.#places.flush();
  }

  peerId(operator: OperatorIndex): string {
    const known = operator === this.#roster.self.operator ? this.#roster.self : this.#roster.peer(operator);
    assert(known !== undefined, `peer id of operator ${operator}, who is not in the cluster`);
    return known.id;
  }

  listenAddresses(): readonly string[] {
    return this.#host?.node.getMultiaddrs().map(String) ?? [];
  }

  peers(): readonly PeerStatus[] {
    return this.#roster.peers.map(({ operator, id }) => {
      const best = this.#links.best(operator);
      const news = this.#peerinfo.newsOf(operator);
      return {
        operator,
        peerId: id,
        connected: best !== undefined,
        path: best === undefined ? undefined : best.relayed ? "relayed" : "direct",
        rttMs: best?.rttMs,
        silentMs: this.#links.silentMs(operator),
        version: news?.version,
        nickname: news?.nickname,
        client: news?.client,
        clockOffsetMs: news?.clockOffsetMs,
        sameLock: news?.sameLock,
        supported: news?.supported,
        runsTwice: this.#peerinfo.runsTwice(operator),
        lastError: best?.relayed === false ? undefined : this.#dialers.get(operator)?.lastError,
      };
    });
  }

  relays(): readonly { readonly name: string; readonly ready: boolean }[] {
    return this.#relays.map(({ name, ready }) => ({ name, ready }));
  }

  /** Lets the host hand over the streams of every protocol that was registered. */
  async #serveAll(host: Host): Promise<void> {
    for (const protocol of this.#inbound.close())
      await serveProtocol(host, protocol, (stream, connection) =>
        this.#inbound.serve(protocol, stream, connection),
      );
    for (const protocol of this.#channelServer.protocols())
      await serveProtocol(host, protocol, (stream, connection) =>
        this.#channelServer.serve(protocol, stream, connection),
      );
    await serveProtocol(
      host,
      PING_PROTOCOL,
      (stream, connection) => this.#pings.serve(stream, connection),
      PING_STREAMS_MAX,
    );
  }

  #createTransport(): Transport {
    const { self, operatorCount } = this.#roster;
    return {
      self: self.operator,
      operatorCount,
      connected: () => this.#links.connected(),
      onBroken: (listener) => this.#links.onBroken(listener),
      send: (to, protocol, message, signal) => this.#outbound.send(to, protocol, message, signal),
      request: (to, protocol, message, signal) =>
        this.#outbound.request(
          to,
          protocol,
          message,
          signal,
          this.#inbound.limitsOf(protocol)?.messageBytesMax,
        ),
      handle: (protocol, limits, handler) => {
        this.#inbound.register(
          protocol,
          limits,
          (from, message) => {
            assert(from.kind === "operator", "message of a relay where none may be");
            return handler(from.peer.operator, message);
          },
          { relaysToo: false },
        );
      },
    };
  }

  #createRelays(options: P2pOptions, log: Logger, random: () => number): readonly Relay[] {
    const texts = options.relays ?? [];
    if (texts.length > RELAYS_MAX)
      throw new P2pError("p2p/bad-option", "read relays", {
        facts: { given: texts.length, most: RELAYS_MAX },
      });
    const { readEnr } = options;
    const headers = {
      "Charon-Cluster": toHex(options.lockHash).slice(2),
      "Cluster-Uuid": options.clusterUuid ?? "",
    };
    return texts.map((text, i) => {
      const source = readRelay(text, readEnr);
      if (source.kind === "url" && !source.url.startsWith("https:"))
        log.warn("Relay URL without https: its answer can be forged", { url: source.url });
      return new Relay(`relay-${i}`, source, {
        roster: this.#roster,
        host: {
          connectionsTo: (id) => this.#host?.node.getConnections(peerIdFromString(id)) ?? [],
          dial: (address, signal) => this.#running().dial(address, signal),
        },
        log,
        meter: options.meter,
        readEnr,
        headers,
        unixNow: () => options.clock.now(),
        random,
        bells: [...this.#links.changed.values()],
      });
    });
  }

  #running(): Host {
    assert(this.#host !== undefined, "p2p used before start");
    return this.#host;
  }

  #onConnection(connection: Connection): void {
    const link = this.#links.add(connection);
    if (link !== undefined) this.#own(this.#heartbeat.keep(link));
  }

  async #connect(address: string, signal: AbortSignal): Promise<Connection> {
    const connection = await this.#running().dial(address, signal);
    const link = this.#links.of(connection);
    if (link === undefined) throw new Error("the connection closed at once");
    await this.#links.verified(link);
    return connection;
  }

  #putOut(name: string): void {
    const peer = this.#roster.peers.find((other) => other.name === name);
    if (peer !== undefined) this.#links.drop(peer, "too many violations");
    this.#relays.find((relay) => relay.name === name)?.drop("too many violations");
  }

  /** Keeps a task until it is over; tasks do not reject, so a rejection is a bug that should show. */
  #own(task: Promise<void>): void {
    const owned = task.catch((error: unknown) =>
      this.#log.error("Task of the network failed; this is a bug", { why: explain(error) }),
    );
    this.#tasks.add(owned);
    void owned.finally(() => this.#tasks.delete(owned));
  }
}

function nodeInfo(options: P2pOptions): ConstructorParameters<typeof PeerInfoExchange>[1] {
  const { version, nickname, lockHash, gitHash = "unknown", builderApi = false } = options;
  if (gitHash !== "unknown" && !/^[0-9a-f]{7}$/.test(gitHash))
    throw new P2pError("p2p/bad-option", "read git hash", {
      facts: { given: gitHash.slice(0, 64) },
      hint: "Seven lower-case hexadecimal digits.",
    });
  return { version, nickname, lockHash, gitHash, builderApi };
}
