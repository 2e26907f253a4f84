import { explain, present, toHex } from "../base/index.ts";
import { derOfSignature, type NodeKey, sha256, signatureOfDer, verifySecp256k1 } from "../crypto/index.ts";
import { type Channel, type Channels, type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { Changes } from "./changes.ts";
import { type CeremonyError, failed } from "./errors.ts";
import { GONE_MS, REASON_CHARACTERS_MAX, RETRY_MS, SYNC_PERIOD_MS, SYNC_SILENCE_MS } from "./limits.ts";
import { SyncFrames, syncFrame } from "./sync-frames.ts";
import { MsgSync, MsgSyncResponse } from "./wire.ts";

export const SYNC_PROTOCOL = "/charon/dkg/sync/1.0.0/";

/** How it stands with one peer, as its sync messages and its answers tell. */
export interface SyncPeer {
  readonly operator: OperatorIndex;
  /** Answers us, and sends to us: both are needed to begin. */
  answers: boolean;
  speaks: boolean;
  /** How often it has begun to speak. */
  channelsOpened: number;
  /** The last step that it reported. */
  step: number | undefined;
  /** "v1.11": what its sync messages say. */
  dialect: string | undefined;
  nickname: string;
  /** It has finished and is leaving. */
  leaving: boolean;
  /** It has answered our goodbye: without that it would wait for us. */
  heardGoodbye: boolean;
  /** What it last said was wrong, or what is wrong with it. */
  trouble: string | undefined;
}

export interface StepSyncNeeds {
  readonly channels: Channels;
  readonly clock: Clock;
  readonly log: Logger;
  readonly key: NodeKey;
  readonly self: OperatorIndex;
  /** By operator, compressed, ourselves included. */
  readonly publicKeys: readonly Uint8Array[];
  /** 32 bytes. */
  readonly definitionHash: Uint8Array;
  readonly nickname: string;
  /** Told of what ends the ceremony, once it has begun. */
  readonly fail: (error: CeremonyError) => void;
}

/**
 * Charon's sync protocol: each node tells every other, several times a second, which step of the ceremony it is at, and nobody
 * begins a step before all have finished the one before. Proves as well that all mean the same definition and speak the
 * same dialect, and carries the reason when somebody gives up.
 *
 * A step never goes back. Our own is in the journal before it is told, so a restarted Trireme goes on where it was; a
 * program that begins again at 0 has lost its part of the ceremony, which is then over for all.
 */
export class StepSync {
  readonly peers: ReadonlyMap<OperatorIndex, SyncPeer>;
  /** Tells of every change of `peers`. */
  readonly changes: Changes = new Changes();
  readonly #needs: StepSyncNeeds;
  readonly #hashSignature: Uint8Array;
  readonly #proven = new Map<OperatorIndex, string>();
  readonly #ourChange = new Changes();
  #dialect: string | undefined;
  #step = 0;
  #firstStep = 0;
  #leaving = false;
  #lastWords: string | undefined;

  /** Registers the protocol; call before the network starts. */
  constructor(needs: StepSyncNeeds) {
    this.#needs = needs;
    this.#hashSignature = derOfSignature(needs.key.sign(sha256(needs.definitionHash)));
    this.peers = new Map(
      needs.publicKeys.flatMap((_, i) =>
        i === needs.self ? [] : [[i as OperatorIndex, newPeer(i as OperatorIndex)]],
      ),
    );
    needs.channels.serve(SYNC_PROTOCOL, (channel) => this.#serve(channel));
  }

  /** @param step - The step we are at when a journal says so, else 0. */
  resumeAt(step: number): void {
    this.#step = step;
    this.#firstStep = step;
  }

  /** Begins to tell every peer where we are; until `signal` fires. @param dialect - "v1.11": equal for all. */
  start(dialect: string, signal: AbortSignal): void {
    this.#dialect = dialect;
    for (const peer of this.peers.values()) void this.#keepTelling(peer, signal);
  }

  /** Settles when a peer both answers us and speaks to us. */
  async joined(operator: OperatorIndex, signal: AbortSignal): Promise<void> {
    await this.#until(() => hasJoined(this.#peer(operator)), signal);
  }

  /** Settles when all peers have joined at the same moment. */
  async allJoined(signal: AbortSignal): Promise<void> {
    await this.#until(() => [...this.peers.values()].every(hasJoined), signal);
  }

  /** Tells everyone that we are at a step. It must be in the journal already. */
  advance(step: number): void {
    this.#step = step;
    this.#ourChange.tell();
  }

  /** Settles when a peer is at the step or further. */
  async isAt(operator: OperatorIndex, step: number, signal: AbortSignal): Promise<void> {
    await this.#until(() => (this.#peer(operator).step ?? -1) >= step, signal);
  }

  /** Settles when so many peers are at the step or further. */
  async someAt(count: number, step: number, signal: AbortSignal): Promise<void> {
    const areThere = (): number =>
      [...this.peers.values()].filter((peer) => (peer.step ?? -1) >= step).length;
    await this.#until(() => areThere() >= count, signal);
  }

  /** Says goodbye to every peer, and settles when this one has heard it and said it too, or has been away for `GONE_MS`. */
  async goodbye(operator: OperatorIndex, signal: AbortSignal): Promise<void> {
    this.#leaving = true;
    this.#ourChange.tell();
    const peer = this.#peer(operator);
    const isDone = (): boolean => peer.leaving && peer.heardGoodbye;
    const isAway = (): boolean => !peer.answers && !peer.speaks;
    for (;;) {
      await this.#until(() => isDone() || isAway(), signal);
      if (isDone()) return;
      const stayedAway = await within(this.#needs.clock, GONE_MS, signal, (limit) =>
        this.#until(() => isDone() || !isAway(), limit).then(
          () => false,
          () => true,
        ),
      );
      signal.throwIfAborted();
      if (stayedAway) return;
    }
  }

  /** From now on everyone who asks is told that it is over, and why. */
  giveUp(reason: string): void {
    this.#lastWords = reason;
  }

  /** Tells one peer, over one channel after the other. Never rejects. */
  async #keepTelling(peer: SyncPeer, signal: AbortSignal): Promise<void> {
    const { channels, clock, log } = this.#needs;
    let channelsOpened = 0;
    while (!signal.aborted) {
      let channel: Channel | undefined;
      try {
        if (peer.heardGoodbye) await this.#returned(peer, channelsOpened, signal);
        channelsOpened = peer.channelsOpened;
        await channels.untilConnected(peer.operator, signal);
        channel = await channels.open(peer.operator, SYNC_PROTOCOL, signal);
        await this.#tell(peer, channel, signal);
      } catch (error) {
        if (!signal.aborted)
          log.debug("Sync channel ended", { operator: peer.operator, why: explain(error) });
      } finally {
        channel?.close();
        this.#update(peer, { answers: false });
      }
      if (this.#lastWords !== undefined) return;
      await sleepUntil(clock, clock.now() + RETRY_MS, signal).catch(() => {});
    }
  }

  /** Settles when a peer opens another channel: it may be a new process, which has not heard our goodbye. */
  async #returned(peer: SyncPeer, channelsBefore: number, signal: AbortSignal): Promise<void> {
    await this.#until(() => peer.channelsOpened > channelsBefore, signal);
    this.#update(peer, { heardGoodbye: false });
  }

  /** Ping and answer, until the channel ends or our goodbye was heard. */
  async #tell(peer: SyncPeer, channel: Channel, signal: AbortSignal): Promise<void> {
    const { clock } = this.#needs;
    const frames = new SyncFrames(channel);
    for (;;) {
      const shutdown = this.#leaving;
      const step = this.#step;
      channel.send(syncFrame(this.#message(shutdown)));
      const bytes = await within(clock, SYNC_SILENCE_MS, signal, (limit) => frames.next(limit));
      if (bytes === undefined) throw new Error("the peer ended it");
      const { error } = MsgSyncResponse.decode(bytes);
      if (error !== "") this.#refusedBy(peer, error);
      else this.#update(peer, { answers: true, heardGoodbye: shutdown });
      if (shutdown) return;
      if (step !== this.#step || this.#leaving) continue; // News while we waited for the answer: tell it at once.
      await within(clock, SYNC_PERIOD_MS, signal, (limit) => this.#ourChange.next(limit)).catch(() => {});
      signal.throwIfAborted();
    }
  }

  async #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    await this.changes.until(() => holds() || undefined, signal);
  }

  #peer(operator: OperatorIndex): SyncPeer {
    return present(this.peers.get(operator), "an operator of the ceremony");
  }

  #message(shutdown: boolean): Uint8Array {
    const now = this.#needs.clock.now();
    return MsgSync.encode({
      timestamp: { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 },
      hashSignature: this.#hashSignature,
      shutdown,
      version: this.#dialect ?? "",
      step: this.#step,
      nickname: this.#needs.nickname,
    });
  }

  #refusedBy(peer: SyncPeer, text: string): void {
    const reason = shortAscii(text);
    this.#update(peer, { answers: false, trouble: `it says: ${reason}` });
    // Before the first step a peer may still be the one of an earlier attempt, and comes back.
    if (this.#step > 0 && !this.#leaving)
      this.#needs.fail(
        failed(`operator ${peer.operator} ended the ceremony: ${reason}`, { operator: peer.operator }),
      );
  }

  async #serve(channel: Channel): Promise<void> {
    const peer = this.peers.get(channel.peer);
    if (peer === undefined) return;
    this.#update(peer, { channelsOpened: peer.channelsOpened + 1 });
    const frames = new SyncFrames(channel);
    const forever = new AbortController().signal;
    try {
      for (;;) {
        const bytes = await frames.next(forever);
        if (bytes === undefined) return;
        const message = MsgSync.decode(bytes);
        const error = this.#lastWords ?? this.#objection(peer, message);
        channel.send(
          syncFrame(
            MsgSyncResponse.encode({
              syncTimestamp: message.timestamp ?? { seconds: 0, nanos: 0 },
              error: error ?? "",
            }),
          ),
        );
        if (error !== undefined) this.#update(peer, { speaks: false });
        else this.#update(peer, { speaks: true, trouble: undefined });
        if (message.shutdown && error === undefined) {
          this.#update(peer, { leaving: true });
          return;
        }
      }
    } finally {
      this.#update(peer, { speaks: false });
    }
  }

  /** What is wrong with a message, as the peer is told; undefined when nothing is. */
  #objection(peer: SyncPeer, message: MsgSync): string | undefined {
    if (!this.#isProven(peer.operator, message.hashSignature))
      return this.#object(peer, "its signature is not over this cluster definition: it runs another one");
    const dialect = shortAscii(message.version);
    this.#update(peer, { dialect, nickname: shortAscii(message.nickname).slice(0, 32) });
    if (this.#dialect !== undefined && dialect !== this.#dialect)
      return this.#object(peer, `mismatching version: it speaks ${dialect}, the others ${this.#dialect}`);
    const { step } = message;
    if (peer.step === undefined && (step < this.#lowest() || step > this.#firstStep + 1))
      return this.#object(
        peer,
        `it is at step ${step} of a ceremony that has only begun here: it still runs an earlier attempt, or this node lost its own`,
      );
    if (peer.step !== undefined && step < peer.step)
      return this.#object(peer, "it was restarted and has lost its part of the ceremony");
    if (peer.step !== undefined && step > peer.step + 2)
      return this.#object(peer, `it jumped from step ${peer.step} to ${step}`);
    if (step !== peer.step) this.#update(peer, { step });
    return undefined;
  }

  /** A peer seen for the first time is at the step before ours, at ours, or at the one after. */
  #lowest(): number {
    return Math.max(0, this.#firstStep - 1);
  }

  #object(peer: SyncPeer, what: string): string {
    const trouble = shortAscii(what);
    this.#update(peer, { trouble });
    const error = failed(`operator ${peer.operator}: ${trouble}`, { operator: peer.operator });
    if (this.#step > 0) this.#needs.fail(error);
    return `${error.message}; all operators must stop and start the ceremony again together`;
  }

  /** A peer sends the same signature with every message; it is checked once. */
  #isProven(operator: OperatorIndex, der: Uint8Array): boolean {
    const text = toHex(der);
    if (this.#proven.get(operator) === text) return true;
    const signature = signatureOfDer(der);
    const publicKey = this.#needs.publicKeys[operator];
    if (signature === undefined || publicKey === undefined) return false;
    if (!verifySecp256k1(sha256(this.#needs.definitionHash), publicKey, signature)) return false;
    this.#proven.set(operator, text);
    return true;
  }

  #update(peer: SyncPeer, change: Partial<Omit<SyncPeer, "operator">>): void {
    const isNew = Object.entries(change).some(([name, value]) => peer[name as keyof SyncPeer] !== value);
    if (!isNew) return;
    Object.assign(peer, change);
    this.changes.tell();
  }
}

const hasJoined = (peer: SyncPeer): boolean => peer.answers && peer.speaks;

const newPeer = (operator: OperatorIndex): SyncPeer => ({
  operator,
  answers: false,
  speaks: false,
  channelsOpened: 0,
  step: undefined,
  dialect: undefined,
  nickname: "",
  leaving: false,
  heardGoodbye: false,
  trouble: undefined,
});

/** Text of a peer as it may stand in a log line or on a terminal. */
export function shortAscii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, " ").slice(0, REASON_CHARACTERS_MAX);
}

/** `work` with a signal that fires after `ms`, or with `signal`. */
async function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const stop = (): void => limit.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const cancel = clock.at(clock.now() + ms, () => limit.abort(new Error("no answer in time")));
  try {
    return await work(limit.signal);
  } finally {
    cancel();
    signal.removeEventListener("abort", stop);
  }
}
