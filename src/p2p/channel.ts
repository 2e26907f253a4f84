import type { Connection, Stream } from "@libp2p/interface";
import type { Uint8ArrayList } from "uint8arraylist";
import { AssertionFailed, assert, explain } from "../base/index.ts";
import { type Channel, type Logger, logBug } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { nothingFollows } from "./framing.ts";
import { CHANNEL_UNREAD_BYTES_MAX, CHANNELS_MAX_PER_PEER } from "./limits.ts";
import type { Roster } from "./roster.ts";
import { endSoon } from "./stream-end.ts";
import type { Violations } from "./violations.ts";
import { Bell } from "./waiting.ts";

/** A stream that stays open, as a `Channel`. What the peer sends and nobody reads is capped. */
export class StreamChannel implements Channel {
  readonly peer: OperatorIndex;
  readonly #stream: Stream;
  readonly #arrived: Uint8Array[] = [];
  readonly #changed = new Bell();
  #unread = 0;

  constructor(peer: OperatorIndex, stream: Stream) {
    this.peer = peer;
    this.#stream = stream;
    const end = (): void => this.#changed.ring();
    stream.addEventListener("remoteCloseWrite", end);
    stream.addEventListener("close", end);
    stream.addEventListener("message", ({ data }) => this.#take(data)); // What has already arrived is delivered right after this.
  }

  send(bytes: Uint8Array): void {
    if (this.#stream.status === "open" && this.#stream.writeStatus === "writable") this.#stream.send(bytes);
  }

  async read(signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#arrived.length === 0 && !nothingFollows(this.#stream)) {
      signal.throwIfAborted();
      await this.#changed.wait(undefined, signal);
    }
    signal.throwIfAborted();
    const bytes = this.#arrived.shift();
    if (bytes !== undefined) this.#unread -= costOf(bytes);
    return bytes;
  }

  close(): void {
    endSoon(this.#stream);
  }

  #take(data: Uint8Array | Uint8ArrayList): void {
    const bytes = data.slice();
    this.#unread += costOf(bytes);
    if (this.#unread > CHANNEL_UNREAD_BYTES_MAX) {
      this.#stream.abort(new Error("the peer sends more than is read"));
      return;
    }
    this.#arrived.push(bytes);
    this.#changed.ring();
  }
}

/** In memory: a piece of one byte takes as much as one of many. */
const costOf = ({ length }: Uint8Array): number => Math.max(256, length);

/** Takes the channels that operators open, a few of each at once. */
export class ChannelServer {
  readonly #roster: Roster;
  readonly #violations: Violations;
  readonly #log: Logger;
  readonly #takers = new Map<string, (channel: Channel) => Promise<void>>();
  readonly #open = new Map<string, number>();

  constructor(needs: { roster: Roster; violations: Violations; log: Logger }) {
    this.#roster = needs.roster;
    this.#violations = needs.violations;
    this.#log = needs.log;
  }

  register(protocol: string, take: (channel: Channel) => Promise<void>): void {
    assert(!this.#takers.has(protocol), `protocol ${protocol} registered twice`);
    this.#takers.set(protocol, take);
  }

  protocols(): readonly string[] {
    return [...this.#takers.keys()];
  }

  /** Serves one stream to its end; never rejects. */
  async serve(protocol: string, stream: Stream, connection: Connection): Promise<void> {
    const take = this.#takers.get(protocol);
    const peer = this.#roster.peerOfId(connection.remotePeer.toString());
    if (take === undefined || peer === undefined) {
      this.#violations.count("stranger", "not-an-operator", protocol);
      return stream.abort(new Error("not an operator"));
    }
    const key = `${peer.name} ${protocol}`;
    const open = this.#open.get(key) ?? 0;
    if (open >= CHANNELS_MAX_PER_PEER) {
      this.#violations.count(peer.name, "concurrency", protocol);
      return stream.abort(new Error("too many channels"));
    }
    this.#open.set(key, open + 1);
    const channel = new StreamChannel(peer.operator, stream);
    try {
      await take(channel);
    } catch (error) {
      if (error instanceof AssertionFailed) logBug(this.#log, error, { protocol, peer: peer.name });
      else this.#violations.count(peer.name, "handler-threw", protocol, explain(error));
    } finally {
      this.#open.set(key, (this.#open.get(key) ?? 1) - 1);
      channel.close();
    }
  }
}
