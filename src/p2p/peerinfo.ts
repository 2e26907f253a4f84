import { equalBytes, explain, proto, toHex } from "../base/index.ts";
import type { Clock, Logger, Meter, ProtocolLimits } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { PEERINFO_BYTES_MAX, PEERINFO_INTERVAL_MS } from "./limits.ts";
import type { Links } from "./links.ts";
import { peerinfoMetrics } from "./metrics.ts";
import type { Peer, Roster } from "./roster.ts";
import { sparingLog } from "./sparing-log.ts";
import { Twins } from "./twins.ts";

export const PEERINFO_PROTOCOL = "/charon/peerinfo/2.0.0";

/** Relays ask every 10 s with an empty message, operators every 60 s. */
export const PEERINFO_LIMITS: ProtocolLimits = {
  messageBytesMax: PEERINFO_BYTES_MAX,
  messagesPerSecondMax: 1,
  burstMax: 10,
  receiveTimeoutMs: 5_000,
};

/** app.peerinfo.peerinfopb.v1.PeerInfo */
const PeerInfo = proto.message({
  version: proto.string(1),
  lockHash: proto.bytes(2),
  sentAt: proto.sub(3, proto.Timestamp),
  gitHash: proto.string(4),
  startedAt: proto.sub(5, proto.Timestamp),
  builderApi: proto.bool(6),
  nickname: proto.string(7),
  client: proto.string(8),
});
type PeerInfo = proto.Infer<typeof PeerInfo>;

/** The newest minor version 1.x of Charon whose messages we know. */
export const NEWEST_CHARON_MINOR = 11;
/** The oldest with which clusters were run (docs/interop.md). */
export const OLDEST_CHARON_MINOR = 9;

/**
 * What stands in the field for Charon's version: the version whose messages we speak, with our own as its label. Charon up
 * to v1.10 looks at nothing else, and complains once a minute of a peer whose minor version it does not know.
 */
const VERSION_MARK = `v1.${NEWEST_CHARON_MINOR}.0-trireme.`;

/** What this node says about itself. */
export interface NodeInfo {
  /** Our own, e.g. "v1.0.0" */
  readonly version: string;
  /** Seven hexadecimal digits, or "unknown": Charon drops an answer with anything else. */
  readonly gitHash: string;
  readonly nickname: string;
  readonly builderApi: boolean;
  /** 32 bytes. */
  readonly lockHash: Uint8Array;
}

/** What a peer last said about itself. */
export interface PeerNews {
  readonly version: string;
  readonly nickname: string;
  /** "charon", "trireme", ... */
  readonly client: string;
  /** How far its clock is ahead of ours, in milliseconds, to about half a round trip. */
  readonly clockOffsetMs: number;
  readonly sameLock: boolean;
  /** Whether its program is known to speak with ours. */
  readonly supported: boolean;
}

/** Charon skips its check of the version for clients that are not "charon". */
const OUR_CLIENT = "trireme";
const TEXT_MAX = 64;

const timestamp = (at: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(at / 1000),
  nanos: (at - Math.floor(at / 1000) * 1000) * 1_000_000,
});
const unixMs = (time: { seconds: number; nanos: number }): number => time.seconds * 1000 + time.nanos / 1e6;

/** Text of a peer as it may stand in a label or a log line. */
function clean(text: string, otherwise: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, "").slice(0, TEXT_MAX);
  return printable === "" ? otherwise : printable;
}

/** A Trireme's own version out of the field for Charon's, and a Charon's as it is. */
function ownVersion(said: string): string {
  return /^v[\d.]+-trireme\.(v\d.*)$/.exec(said)?.[1] ?? said;
}

/** Whether a program speaks with ours: every Trireme, and of Charon's all but those too old, as newer ones speak with older ones. */
export function isSupported(client: string, version: string): boolean {
  if (client !== "charon") return true;
  const [, major, minor] = /^v(\d{1,4})\.(\d{1,4})\b/.exec(version) ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= OLDEST_CHARON_MINOR);
}

/** Reads a peer's answer; undefined when it is not one. */
export function readPeerInfo(bytes: Uint8Array): PeerInfo | undefined {
  let info: PeerInfo;
  try {
    info = PeerInfo.decode(bytes);
  } catch {
    return undefined;
  }
  return info.sentAt === undefined || info.startedAt === undefined ? undefined : info;
}

/** Tells peers who we are and asks who they are: version, nickname, clock, lock. */
export class PeerInfoExchange {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #links: Links;
  readonly #roster: Roster;
  readonly #node: NodeInfo;
  readonly #startedAt: number;
  readonly #metrics: ReturnType<typeof peerinfoMetrics>;
  readonly #news = new Map<OperatorIndex, PeerNews>();
  readonly #twins = new Twins();
  /** Operators of whom it was logged that they run twice. */
  readonly #told = new Set<OperatorIndex>();
  readonly #request: (to: OperatorIndex, message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
  readonly #intervalMs: number;

  constructor(
    needs: {
      clock: Clock;
      log: Logger;
      meter: Meter;
      links: Links;
      roster: Roster;
      request: (to: OperatorIndex, message: Uint8Array, signal: AbortSignal) => Promise<Uint8Array>;
    },
    node: NodeInfo,
    intervalMs: number = PEERINFO_INTERVAL_MS,
  ) {
    this.#clock = needs.clock;
    this.#log = sparingLog(needs.log);
    this.#links = needs.links;
    this.#roster = needs.roster;
    this.#request = needs.request;
    this.#node = node;
    this.#intervalMs = intervalMs;
    this.#startedAt = needs.clock.now();
    this.#metrics = peerinfoMetrics(needs.meter);
    this.#announceSelf();
  }

  /** Answers an operator's question, which tells of itself who asks. */
  answerTo(peer: Peer, question: Uint8Array): Uint8Array {
    const info = readPeerInfo(question);
    if (info !== undefined) this.#listenForTwins(peer, info);
    return this.own();
  }

  /** Whether two programs run as this operator. */
  runsTwice(operator: OperatorIndex): boolean {
    return this.#twins.has(operator, performance.now());
  }

  /** A program speaks as an operator: in its answers on our connection to it, or in its questions on any. */
  #listenForTwins(peer: Peer, { startedAt, sentAt }: PeerInfo): void {
    if (startedAt === undefined || sentAt === undefined) return;
    const { operator, name } = peer;
    this.#twins.heard(operator, { startedAt: unixMs(startedAt), sentAt: unixMs(sentAt) }, performance.now());
    if (!this.runsTwice(operator)) return void this.#told.delete(operator);
    if (!this.#told.has(operator)) this.#log.warn("Two programs run as one operator", { peer: name });
    this.#told.add(operator);
  }

  /** Our own message; the answer to every request, whatever it says. */
  own(): Uint8Array {
    const { version, lockHash, gitHash, builderApi, nickname } = this.#node;
    return PeerInfo.encode({
      version: VERSION_MARK + version,
      lockHash,
      gitHash,
      builderApi,
      nickname,
      client: OUR_CLIENT,
      sentAt: timestamp(this.#clock.now()),
      startedAt: timestamp(this.#startedAt),
    });
  }

  newsOf(operator: OperatorIndex): PeerNews | undefined {
    return this.#news.get(operator);
  }

  /** Asks a peer as soon as it is connected, then once per interval; settles when the signal fires, never rejects. */
  async keepAsking(peer: Peer, signal: AbortSignal): Promise<void> {
    const changed = this.#links.changed.get(peer.operator);
    while (!signal.aborted) {
      const link = this.#links.best(peer.operator);
      if (link === undefined) {
        await changed?.wait(undefined, signal);
        continue;
      }
      await this.#ask(peer, signal);
      const due = performance.now() + this.#intervalMs;
      while (!signal.aborted && performance.now() < due && this.#links.best(peer.operator) !== undefined)
        await changed?.wait(due - performance.now(), signal);
    }
  }

  async #ask(peer: Peer, signal: AbortSignal): Promise<void> {
    const start = performance.now();
    let bytes: Uint8Array;
    try {
      bytes = await this.#request(peer.operator, this.own(), signal);
    } catch (error) {
      if (!signal.aborted)
        this.#log.debug("Peer gave no information", { peer: peer.name, why: explain(error) });
      return;
    }
    const info = readPeerInfo(bytes);
    if (info === undefined) {
      this.#log.debug("Peer's information has no timestamps or is no message", { peer: peer.name });
      return;
    }
    this.#take(peer, info, performance.now() - start);
  }

  #take(peer: Peer, info: PeerInfo, rttMs: number): void {
    this.#listenForTwins(peer, info);
    const sentAt = info.sentAt === undefined ? Number.NaN : unixMs(info.sentAt);
    const hour = 3_600_000;
    const offset = sentAt - (this.#clock.now() - rttMs / 2);
    const client = clean(info.client, "charon");
    const version = clean(ownVersion(info.version), "unknown");
    const news: PeerNews = {
      version,
      nickname: clean(info.nickname, ""),
      client,
      supported: isSupported(client, version),
      clockOffsetMs: Math.max(-hour, Math.min(hour, Number.isFinite(offset) ? offset : hour)),
      sameLock: equalBytes(info.lockHash, this.#node.lockHash),
    };
    const before = this.#news.get(peer.operator);
    this.#news.set(peer.operator, news);
    if (
      before?.version !== news.version ||
      before.nickname !== news.nickname ||
      before.client !== news.client
    ) {
      this.#log.info("Peer introduced itself", {
        peer: peer.name,
        version,
        nickname: news.nickname,
        client,
      });
      if (!news.supported)
        this.#log.warn("The program of a peer is too old for ours", {
          peer: peer.name,
          version,
          oldest: `v1.${OLDEST_CHARON_MINOR}`,
        });
    }
    if (!news.sameLock && before?.sameLock !== false)
      this.#log.error("Peer runs with another cluster lock", {
        peer: peer.name,
        itsLockHash: toHex(info.lockHash.subarray(0, 32)),
      });
    this.#measure(peer.name, news, info);
  }

  #measure(peer: string, news: PeerNews, info: PeerInfo): void {
    const metrics = this.#metrics;
    metrics.version.set(peer, news.version);
    metrics.gitHash.set(peer, /^[0-9a-f]{7}$/.test(info.gitHash) ? info.gitHash : "unknown");
    metrics.nickname.set(peer, news.nickname);
    metrics.client.set(peer, news.client);
    metrics.clockOffset.set(news.clockOffsetMs / 1000, { peer });
    metrics.versionSupport.set(news.supported ? 1 : 0, { peer });
    metrics.builderApi.set(info.builderApi ? 1 : 0, { peer });
    if (info.startedAt !== undefined) metrics.startTime.set(info.startedAt.seconds, { peer });
  }

  #announceSelf(): void {
    const { name } = this.#roster.self;
    const { version, gitHash, nickname, builderApi } = this.#node;
    const metrics = this.#metrics;
    metrics.version.set(name, version);
    metrics.gitHash.set(name, gitHash);
    metrics.nickname.set(name, nickname);
    metrics.client.set(name, OUR_CLIENT);
    metrics.builderApi.set(builderApi ? 1 : 0, { peer: name });
    metrics.startTime.set(Math.floor(this.#startedAt / 1000), { peer: name });
    for (const peer of [this.#roster.self, ...this.#roster.peers])
      metrics.index.set(peer.operator, { peer: peer.name });
  }
}
