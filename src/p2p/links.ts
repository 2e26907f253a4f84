import type { Connection } from "@libp2p/interface";
import { present } from "../base/index.ts";
import type { Logger, Meter } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { PING_PROTOCOL } from "./heartbeat.ts";
import { CONNECTIONS_MAX_PER_PEER } from "./limits.ts";
import { p2pMetrics } from "./metrics.ts";
import type { Peer, Roster } from "./roster.ts";
import { sparingLog } from "./sparing-log.ts";
import { isSurplus } from "./surplus.ts";
import type { Violations } from "./violations.ts";
import { Bell } from "./waiting.ts";

/** What identify says of this program, with its version behind it, and a name that no other life of it has. */
export const AGENT_PREFIX = "trireme/";

/** One connection to one operator. */
export interface Link {
  readonly connection: Connection;
  readonly peer: Peer;
  /** Through a relay, which limits time and bytes. */
  readonly relayed: boolean;
  /** Counts up, so that the newest can be told. */
  readonly serial: number;
  /** Fires when the connection is gone. */
  readonly closed: AbortSignal;
  /** The peer has answered on it: a connection can be open here while the other side has already refused us. */
  verified: boolean;
  /** When it was opened, and when the peer last answered on it, in steady milliseconds. */
  readonly openedAt: number;
  answeredAt: number | undefined;
  /** The last ping was lost: the connection may be dead, and another is looked for while this one has its last chance. */
  isDoubtful: boolean;
  /** Last round trip in milliseconds. */
  rttMs: number | undefined;
  /** Which program is at the other end, where it is one like ours: an operator may have two of them. */
  program: string | undefined;
  /** Protocols that the peer did not know when last asked. */
  readonly refused: Set<string>;
}

/** The live connections to the operators, and which of them to use. */
export class Links {
  /** Rings when a connection was verified, came into doubt or out of it, or one that was verified went. */
  readonly changed: ReadonlyMap<OperatorIndex, Bell>;
  readonly #links = new Map<string, Link>();
  readonly #roster: Roster;
  readonly #log: Logger;
  readonly #violations: Violations;
  readonly #types: { set(value: number, labels: Record<string, string>): void };
  readonly #total: { add(by: number, labels: Record<string, string>): void };
  /** When an operator last answered, on the steady clock. */
  readonly #answeredAt = new Map<OperatorIndex, number>();
  readonly #onReturn: (operator: OperatorIndex) => void;
  readonly #brokenListeners: ((operator: OperatorIndex) => void)[] = [];
  #serial = 0;

  /** @param needs.onReturn - Told of an operator who was not connected, and is. */
  constructor(needs: {
    roster: Roster;
    log: Logger;
    meter: Meter;
    violations: Violations;
    onReturn?: (operator: OperatorIndex) => void;
  }) {
    this.#roster = needs.roster;
    this.#log = sparingLog(needs.log);
    this.#violations = needs.violations;
    this.#onReturn = needs.onReturn ?? (() => {});
    this.changed = new Map(needs.roster.peers.map(({ operator }) => [operator, new Bell()]));
    const { connectionTypes, connections } = p2pMetrics(needs.meter);
    this.#types = connectionTypes;
    this.#total = connections;
    for (const peer of needs.roster.peers) this.#measure(peer);
  }

  /** Takes in a connection that has passed the gate; undefined when it is not an operator's. */
  add(connection: Connection): Link | undefined {
    const peer = this.#roster.peerOfId(connection.remotePeer.toString());
    if (peer === undefined || connection.status !== "open") return undefined;
    const closed = new AbortController();
    const relayed = connection.limits !== undefined || !connection.direct;
    const link: Link = {
      connection,
      peer,
      relayed,
      serial: this.#serial++,
      closed: closed.signal,
      verified: false,
      openedAt: performance.now(),
      answeredAt: undefined,
      isDoubtful: false,
      rttMs: undefined,
      program: undefined,
      refused: new Set(),
    };
    this.#links.set(connection.id, link);
    connection.addEventListener("close", () => this.#remove(link, closed), { once: true });
    this.#total.add(1, { peer: peer.name });
    this.#limit(peer);
    this.#measure(peer);
    return link;
  }

  of(connection: Connection): Link | undefined {
    return this.#links.get(connection.id);
  }

  /** Notes that the peer has answered on this link. */
  verify(link: Link): void {
    if (link.closed.aborted) return;
    link.answeredAt = performance.now();
    this.#answeredAt.set(link.peer.operator, link.answeredAt);
    if (link.verified) {
      if (link.isDoubtful) this.#setDoubt(link, false);
      return;
    }
    const isFirst = this.best(link.peer.operator) === undefined;
    link.verified = true;
    if (isFirst) this.#log.info("Peer connected", { peer: link.peer.name, relayed: link.relayed });
    this.changed.get(link.peer.operator)?.ring();
    if (isFirst) this.#onReturn(link.peer.operator);
  }

  /** Notes that the peer has left a ping unanswered on this link. */
  doubt(link: Link): void {
    if (link.verified && !link.isDoubtful && !link.closed.aborted) this.#setDoubt(link, true);
  }

  #setDoubt(link: Link, isDoubtful: boolean): void {
    link.isDoubtful = isDoubtful;
    this.changed.get(link.peer.operator)?.ring();
  }

  /** Notes which program a peer says it is. */
  introduced(link: Link, agent: string): void {
    link.program = agent.startsWith(AGENT_PREFIX) ? agent : undefined;
  }

  /**
   * Verified links to an operator, best first: those in doubt last, direct before relayed, those in surplus after the others,
   * then the newest, since older ones may be dead.
   */
  ranked(operator: OperatorIndex): readonly Link[] {
    const usable = this.#all(operator).filter((link) => link.verified && link.connection.status === "open");
    if (usable.length < 2) return usable;
    const inSurplus = new Set(usable.filter((link) => this.#isSurplus(link, usable)));
    return usable.toSorted(
      (a, b) =>
        Number(a.isDoubtful) - Number(b.isDoubtful) ||
        Number(a.relayed) - Number(b.relayed) ||
        Number(inSurplus.has(a)) - Number(inSurplus.has(b)) ||
        b.serial - a.serial,
    );
  }

  /** Whether a connection is one too many, which ours is the side to end, and nothing is on it but pings. */
  isForUsToEnd(link: Link): boolean {
    return (
      this.#roster.isSmallerThan(link.peer) &&
      this.#isSurplus(link, this.ranked(link.peer.operator)) &&
      link.connection.streams.every(({ protocol }) => protocol === PING_PROTOCOL)
    );
  }

  /** Settles when the peer has answered on a link; rejects when the link closed before. */
  async verified(link: Link): Promise<void> {
    while (!link.verified) {
      if (link.closed.aborted)
        throw new Error(
          "the peer closed the connection after the handshake (is this node in its cluster lock?)",
        );
      await this.changed.get(link.peer.operator)?.wait(undefined, link.closed);
    }
  }

  /** Whether there is a direct connection on which the operator may be about to answer; it does, or the connection goes. */
  hasUnanswered(operator: OperatorIndex): boolean {
    return this.#all(operator).some(
      (link) => !link.verified && !link.relayed && link.connection.status === "open",
    );
  }

  best(operator: OperatorIndex): Link | undefined {
    return this.ranked(operator)[0];
  }

  /** Milliseconds since an operator last answered; undefined when it never did. */
  silentMs(operator: OperatorIndex): number | undefined {
    const at = this.#answeredAt.get(operator);
    return at === undefined ? undefined : performance.now() - at;
  }

  /** Settles as soon as an operator is connected. @throws the signal's reason when it fires first, and for who is none. */
  async untilConnected(operator: OperatorIndex, signal: AbortSignal): Promise<void> {
    const changed = present(this.changed.get(operator), "an operator of the cluster");
    for (;;) {
      signal.throwIfAborted();
      if (this.best(operator) !== undefined) return;
      await changed.wait(undefined, signal);
    }
  }

  /** Operators who have answered on a live connection, in lock order. */
  connected(): readonly OperatorIndex[] {
    return this.#roster.peers
      .map(({ operator }) => operator)
      .filter((operator) => this.best(operator) !== undefined);
  }

  /** Closes every connection of an operator. */
  drop(peer: Peer, reason: string): void {
    for (const link of this.#all(peer.operator)) link.connection.abort(new Error(reason));
  }

  /**
   * Only one like ours knows which of two connections is in surplus; and of two programs of an operator each must hear what is
   * said to him, or neither ever notices the other.
   */
  #isSurplus(link: Link, all: readonly Link[]): boolean {
    if (link.program === undefined) return false;
    const toTheSame = all.filter(({ program }) => program === link.program);
    return isSurplus(link, toTheSame, this.#roster.isSmallerThan(link.peer));
  }

  #all(operator: OperatorIndex): Link[] {
    return [...this.#links.values()].filter((link) => link.peer.operator === operator);
  }

  #remove(link: Link, closed: AbortController): void {
    this.#links.delete(link.connection.id);
    closed.abort(new Error("connection closed"));
    this.#measure(link.peer);
    if (!link.verified) return; // Nobody relied on it; ringing would make a refused dial repeat at once.
    if (this.best(link.peer.operator) === undefined)
      this.#log.info("Peer disconnected", { peer: link.peer.name });
    this.changed.get(link.peer.operator)?.ring();
    for (const listener of this.#brokenListeners) listener(link.peer.operator);
  }

  /** Told of every verified link that went. */
  onBroken(listener: (operator: OperatorIndex) => void): void {
    this.#brokenListeners.push(listener);
  }

  /** Beyond the cap the oldest go, the unverified first: what a restarted peer left behind, or a hostile one piles up. */
  #limit(peer: Peer): void {
    const oldestFirst = this.#all(peer.operator).toSorted(
      (a, b) => Number(a.verified) - Number(b.verified) || a.serial - b.serial,
    );
    const newest = oldestFirst.reduce((a, b) => (a.serial > b.serial ? a : b));
    const surplus = oldestFirst.filter((link) => link !== newest).slice(0, -(CONNECTIONS_MAX_PER_PEER - 1));
    for (const link of surplus) {
      this.#violations.count(peer.name, "too-many-connections");
      link.connection.abort(new Error("too many connections"));
    }
  }

  #measure(peer: Peer): void {
    const links = this.#all(peer.operator);
    for (const type of ["direct", "relay"] as const) {
      const count = links.filter((link) => link.relayed === (type === "relay")).length;
      this.#types.set(count, { peer: peer.name, type, protocol: "tcp" });
    }
  }
}
