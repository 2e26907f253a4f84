import { type Channels, type Clock, type Logger, sleepUntil, type Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { Attempts } from "./attempts.ts";
import { others } from "./broadcast.ts";
import { Changes } from "./changes.ts";
import { type Dialect, dialectOf, ownDialect } from "./dialect.ts";
import { CeremonyError, failed } from "./errors.ts";
import { CHARON_GONE_MS, CLOCK_OFFSET_WARN_MS, RETRY_MS } from "./limits.ts";
import type { Acquaintance, Post } from "./post.ts";
import type { PeerProgress, Waits } from "./progress.ts";
import { type StepSync, type SyncPeer, shortAscii } from "./step-sync.ts";

/** What the network knows of another operator. */
export interface PeerNews {
  readonly operator: OperatorIndex;
  readonly connected: boolean;
  readonly path: "direct" | "relayed" | undefined;
  readonly version: string | undefined;
  readonly nickname: string | undefined;
  /** "charon", "trireme", ... */
  readonly client: string | undefined;
  readonly clockOffsetMs: number | undefined;
  readonly lastError: string | undefined;
}

export interface MeetingNeeds {
  readonly clock: Clock;
  readonly log: Logger;
  readonly transport: Transport;
  readonly channels: Channels;
  readonly post: Post;
  readonly sync: StepSync;
  readonly waits: Waits;
  readonly peers: () => readonly PeerNews[];
  readonly attempts: Attempts;
  /** This process goes on with what another one began. */
  readonly isResumed: boolean;
  readonly fail: (error: CeremonyError) => void;
}

/**
 * Before anything secret is made: is everyone reachable, does everyone mean the same definition, and which version of
 * Charon's ceremony do all understand?
 */
export class Meeting {
  readonly #needs: MeetingNeeds;
  readonly #met = new Map<
    OperatorIndex,
    { readonly dialect: Dialect | undefined; readonly version: string }
  >();
  readonly #otherDefinition = new Set<OperatorIndex>();
  readonly #changes = new Changes();

  constructor(needs: MeetingNeeds) {
    this.#needs = needs;
  }

  /** Begins to make acquaintance with every operator; until `signal` fires. */
  start(signal: AbortSignal): void {
    const { attempts, isResumed, transport } = this.#needs;
    for (const operator of others(transport)) {
      void this.#meet(operator, signal).catch(() => {}); // Only the signal ends it before it is done.
      const isTrireme = attempts.of(operator).length > 0; // All have been met before there is anything to go on with.
      if (isResumed && !isTrireme) void this.#expectCharon(operator, signal);
    }
  }

  /** A Charon ends when somebody is restarted, often before that one is back to be told why. Never rejects. */
  async #expectCharon(operator: OperatorIndex, signal: AbortSignal): Promise<void> {
    const { channels, clock, fail } = this.#needs;
    const gone = new AbortController();
    const cancel = clock.at(clock.now() + CHARON_GONE_MS, () => gone.abort(new Error("it is gone")));
    try {
      await channels.untilConnected(operator, AbortSignal.any([gone.signal, signal]));
    } catch {
      if (signal.aborted) return;
      const what = `operator ${operator} is gone since this node was restarted: a Charon then ends the ceremony`;
      fail(failed(what, { operator }));
    } finally {
      cancel();
    }
  }

  /**
   * Settles when every operator has been met.
   *
   * @returns What everyone speaks.
   * @throws CeremonyError `ceremony/refused` - two Charons of different minor versions, or one that is too old.
   */
  async allMet(signal: AbortSignal): Promise<Dialect> {
    const { transport, waits } = this.#needs;
    await Promise.all(
      others(transport).map((operator) =>
        waits.during(
          operator,
          "to connect",
          this.#changes.until(() => this.#met.get(operator), signal),
        ),
      ),
    );
    this.#lookAtClocks();
    return commonDialect(this.#met);
  }

  /** How it stands with a peer, put together from all that is known. */
  progressOf(peer: SyncPeer, news: PeerNews | undefined): PeerProgress {
    const wait = this.#needs.waits.longest(peer.operator);
    const isConnected = news?.connected ?? this.#needs.transport.connected().includes(peer.operator);
    const otherDefinition = this.#otherDefinition.has(peer.operator)
      ? "it runs another cluster definition"
      : undefined;
    return {
      operator: peer.operator,
      connected: isConnected,
      path: news?.path,
      program: news?.client === undefined ? undefined : `${news.client} ${news.version ?? ""}`.trim(),
      nickname: news?.nickname ?? peer.nickname,
      step: peer.step,
      trouble: peer.trouble ?? otherDefinition ?? (isConnected ? clockTrouble(news) : news?.lastError),
      waitingFor: wait?.what,
      waitingSince: wait?.since,
    };
  }

  async #meet(operator: OperatorIndex, signal: AbortSignal): Promise<void> {
    const { clock, channels, post } = this.#needs;
    for (;;) {
      await channels.untilConnected(operator, signal);
      const acquaintance = await post.introduce(operator, signal);
      const met = this.#judge(operator, acquaintance);
      if (met !== undefined) {
        this.#met.set(operator, met);
        this.#changes.tell();
        return;
      }
      await sleepUntil(clock, clock.now() + RETRY_MS, signal);
    }
  }

  #judge(
    operator: OperatorIndex,
    acquaintance: Acquaintance,
  ): { readonly dialect: Dialect | undefined; readonly version: string } | undefined {
    this.#otherDefinition.delete(operator);
    switch (acquaintance) {
      case "trireme":
        return { dialect: undefined, version: "trireme" }; // It speaks whatever the Charons do.
      case "another-program": {
        const told = this.#needs.peers().find((one) => one.operator === operator)?.version;
        const version = told ?? this.#needs.sync.peers.get(operator)?.dialect;
        if (version === undefined || version === "unknown") return undefined; // It will say in a moment.
        return { dialect: dialectOf(version), version: shortAscii(version) };
      }
      case "another-definition":
        this.#otherDefinition.add(operator);
        return undefined;
      case "unreachable":
        return undefined;
    }
  }

  #lookAtClocks(): void {
    for (const news of this.#needs.peers())
      if (clockTrouble(news) !== undefined)
        this.#needs.log.warn("The clocks of this machine and an operator's differ; one of them is wrong", {
          operator: news.operator,
          itIsAheadByMs: Math.round(news.clockOffsetMs ?? 0),
        });
  }
}

/** A ceremony goes well with wrong clocks, duties do not: so it is said while people are looking. */
function clockTrouble(news: PeerNews | undefined): string | undefined {
  const { clockOffsetMs } = news ?? {};
  if (clockOffsetMs === undefined || Math.abs(clockOffsetMs) <= CLOCK_OFFSET_WARN_MS) return undefined;
  const seconds = (Math.abs(clockOffsetMs) / 1_000).toFixed(1);
  return `its clock is ${seconds} s ${clockOffsetMs > 0 ? "ahead of" : "behind"} this machine's; one of them is wrong`;
}

function commonDialect(
  met: ReadonlyMap<OperatorIndex, { readonly dialect: Dialect | undefined; readonly version: string }>,
): Dialect {
  const charons = [...met].filter(([, { version }]) => version !== "trireme");
  const versions = charons.map(([operator, { version }]) => `operator ${operator}: ${version}`);
  const [first] = charons;
  const differ = charons.some(
    ([, { dialect }]) =>
      dialect === undefined ||
      dialect.minor !== first?.[1].dialect?.minor ||
      dialect.broadcast !== first[1].dialect.broadcast,
  );
  if (differ)
    throw new CeremonyError("ceremony/refused", "find a version that every operator's program speaks", {
      facts: { versions },
      hint: "All Charons must be of one minor version, v1.10 or newer. Agree on one, update, and start again; nothing was made yet.",
    });
  return first?.[1].dialect ?? ownDialect;
}
