import { equalBytes, explain } from "../base/index.ts";
import type { Consensus, ConsensusValue } from "../consensus/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import type { Clock, Logger, Transport } from "../ports/index.ts";
import {
  type ChainSpec,
  type DutyId,
  dutyDeadline,
  dutyName,
  epochOf,
  type OperatorIndex,
  type Slot,
  slotAt,
  slotStart,
} from "../spec/index.ts";
import { calculate, faultOf } from "./calculate.ts";
import {
  EARLY_MS,
  EXCHANGE_SHARE_OF_SLOT,
  PRIORITY_LIMITS,
  RESULT_BYTES_PER_OPERATOR_MAX,
} from "./limits.ts";
import { Results } from "./results.ts";
import {
  dutyOfMessage,
  dutyToMessage,
  isSignedBy,
  PRIORITY_PROTOCOLS,
  PRIORITY_RESULT_URL,
  PriorityMessage,
  PriorityResult,
  signMessage,
  textToAny,
} from "./wire.ts";

/** What this operator can do, best first. */
export interface Offer {
  /** Minor versions of the protocol, e.g. "v1.11". */
  readonly versions: readonly string[];
  readonly protocols: readonly string[];
  /** "builder" and "full". */
  readonly proposals: readonly string[];
}

export interface InfoSyncOptions {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly self: OperatorIndex;
  /** By operator index: libp2p peer ids, and public keys of 33 bytes. */
  readonly peerIds: readonly string[];
  readonly publicKeys: readonly Uint8Array[];
  readonly key: NodeKey;
  /** What fewer operators than these can do is in no result. */
  readonly threshold: number;
  readonly transport: Transport;
  readonly consensus: Consensus;
  readonly offer: Offer;
  /**
   * Whether this node takes no part in agreements for now, since another process may speak with its key. It still answers
   * who asks what it can do, so that nobody waits for it or takes it for broken.
   */
  readonly silent: () => boolean;
  readonly log: Logger;
}

/** One epoch's exchange: what we say, and what was heard of whom. */
interface Exchange {
  readonly duty: DutyId;
  readonly own: PriorityMessage;
  readonly ownBytes: Uint8Array;
  /** The first message of each operator, ours included. */
  readonly heard: Map<OperatorIndex, PriorityMessage>;
  /** Settles when everybody was heard, or the time for it is over. */
  readonly complete: PromiseWithResolvers<void>;
}

/** Runs in the last slot of every epoch, for the next one. Nothing waits for it, and duties go on whatever it does. */
export class InfoSync {
  readonly #options: InfoSyncOptions;
  readonly #log: Logger;
  readonly #results = new Results();
  /** The exchange at hand, or the one to come; peers that ask early wait for it. */
  #next: { readonly slot: Slot; readonly begun: PromiseWithResolvers<Exchange> } | undefined;
  #current: Exchange | undefined;
  #cancel: (() => void) | undefined;
  readonly #stopped = new AbortController();

  constructor(options: InfoSyncOptions) {
    this.#options = options;
    this.#log = options.log.room("infosync");
    for (const protocol of PRIORITY_PROTOCOLS)
      options.transport.handle(protocol, PRIORITY_LIMITS, (from, bytes) => this.#answer(from, bytes));
  }

  start(): void {
    this.#await(this.#lastSlotOfEpoch(this.#options.clock.now()));
  }

  stop(): void {
    this.#stopped.abort(new Error("the node stops"));
    this.#cancel?.();
    this.#next?.begun.reject(this.#stopped.signal.reason);
  }

  /**
   * Whether a threshold of operators reads several sync contributions of a validator in one value, and several sync
   * selections of it, at this slot; undefined before the first agreement.
   */
  severalContributions(slot: Slot): boolean | undefined {
    return this.#results.severalContributions(slot);
  }

  /** Whether a threshold of operators wants blocks of builders at this slot; undefined before the first agreement. */
  buildersWanted(slot: Slot): boolean | undefined {
    return this.#results.at(slot)?.proposal.includes("builder");
  }

  #lastSlotOfEpoch(now: number): Slot {
    const { chain } = this.#options;
    return (epochOf(chain, Math.max(0, slotAt(chain, now))) + 1) * chain.slotsPerEpoch - 1;
  }

  #await(slot: Slot): void {
    const begun = Promise.withResolvers<Exchange>();
    begun.promise.catch(() => {}); // Usually nobody asks early.
    this.#next = { slot, begun };
    this.#cancel = this.#options.clock.at(slotStart(this.#options.chain, slot), () => this.#begin(slot));
  }

  #begin(slot: Slot): void {
    const { clock, chain } = this.#options;
    const next = this.#next;
    // After a clock that was set forward the slot is over, and its exchange with it.
    const late = clock.now() >= slotStart(chain, slot + 1);
    if (late) next?.begun.reject(new Error("not exchanged in this slot"));
    else {
      const exchange = this.#newExchange({ slot, kind: "info-sync" });
      this.#current = exchange;
      next?.begun.resolve(exchange);
      if (!this.#options.silent()) this.#runAndTell(exchange);
    }
    this.#await(Math.max(slot + chain.slotsPerEpoch, this.#lastSlotOfEpoch(clock.now())));
  }

  #newExchange(duty: DutyId): Exchange {
    const { self, peerIds, offer, key } = this.#options;
    const topic = (name: string, priorities: readonly string[]) => ({
      topic: textToAny(name),
      priorities: priorities.map(textToAny),
    });
    const own = signMessage(
      {
        duty: dutyToMessage(duty),
        peerId: peerIds[self] ?? "",
        topics: [
          topic("version", offer.versions),
          topic("protocol", offer.protocols),
          topic("proposal", offer.proposals),
        ],
      },
      key,
    );
    return {
      duty,
      own,
      ownBytes: PriorityMessage.encode(own),
      heard: new Map([[self, own]]),
      complete: Promise.withResolvers(),
    };
  }

  #runAndTell(exchange: Exchange): void {
    this.#run(exchange).catch((error: unknown) => {
      if (!this.#stopped.signal.aborted)
        this.#log.warn("Operators did not agree on what all of them can do; the last agreement stands", {
          duty: dutyName(exchange.duty),
          why: explain(error),
        });
    });
  }

  async #run(exchange: Exchange): Promise<void> {
    const { clock, chain, consensus, transport, peerIds } = this.#options;
    const { duty } = exchange;
    const start = slotStart(chain, duty.slot);
    const over = new AbortController();
    const timers = [
      clock.at(start + EXCHANGE_SHARE_OF_SLOT * chain.slotMs, () => exchange.complete.resolve()),
      clock.at(dutyDeadline(chain, duty) ?? start, () => over.abort(new Error("the duty's time is over"))),
    ];
    const signal = AbortSignal.any([over.signal, this.#stopped.signal]);
    try {
      for (const to of peerIds.keys()) {
        if (to === transport.self) continue;
        this.#ask(exchange, to as OperatorIndex, signal).catch((error: unknown) => {
          this.#log.debug("An operator did not say what it can do", { operator: to, why: explain(error) });
        });
      }
      const { value } = await consensus.agree(
        duty,
        {
          proposal: exchange.complete.promise.then(() => this.#propose(exchange)),
          acceptable: (proposed) => this.#isTrue(duty, proposed),
        },
        signal,
      );
      const agreed = this.#results.add(duty.slot, PriorityResult.decode(value.bytes).topics);
      this.#log.debug("Operators agreed on what they can do", { duty: dutyName(duty), ...agreed });
    } finally {
      for (const cancel of timers) cancel();
      exchange.complete.resolve();
    }
  }

  /** Says what we can do and hears what they can. */
  async #ask(exchange: Exchange, to: OperatorIndex, signal: AbortSignal): Promise<void> {
    const { transport } = this.#options;
    const [protocol, legacy] = PRIORITY_PROTOCOLS;
    const answer = await transport
      .request(to, protocol, exchange.ownBytes, signal)
      .catch(() => transport.request(to, legacy, exchange.ownBytes, signal));
    this.#hear(exchange, to, this.#read(to, answer));
  }

  /** A peer's question: what it says of itself, answered with what we say. Throws what the transport counts against the peer. */
  async #answer(from: OperatorIndex, bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const message = this.#read(from, bytes);
    const exchange = await this.#exchangeOf(message);
    this.#hear(exchange, from, message);
    return exchange.ownBytes;
  }

  async #exchangeOf(message: PriorityMessage): Promise<Exchange> {
    const { clock, chain } = this.#options;
    const slot = message.duty?.slot;
    if (slot === this.#current?.duty.slot && this.#current !== undefined) return this.#current;
    const next = this.#next;
    if (next === undefined || slot !== next.slot || slotStart(chain, slot) - clock.now() > EARLY_MS)
      throw new Error("what operators can do is exchanged in the last slot of an epoch");
    return await next.begun.promise;
  }

  #hear(exchange: Exchange, from: OperatorIndex, message: PriorityMessage): void {
    if (message.duty?.slot !== exchange.duty.slot) throw new Error("an answer for another slot");
    if (!exchange.heard.has(from)) exchange.heard.set(from, message);
    if (exchange.heard.size === this.#options.peerIds.length) exchange.complete.resolve();
  }

  #read(from: OperatorIndex, bytes: Uint8Array): PriorityMessage {
    const message = PriorityMessage.decode(bytes);
    const fault = this.#faultOf(message, from);
    if (fault !== undefined) throw new Error(`refused: ${fault}`);
    return message;
  }

  /** Why a message cannot be what an operator said; undefined when it is. */
  #faultOf(message: PriorityMessage, from: OperatorIndex): string | undefined {
    const { peerIds, publicKeys } = this.#options;
    const publicKey = publicKeys[from];
    if (publicKey === undefined || message.peerId !== peerIds[from]) return "in another operator's name";
    if (dutyOfMessage(message)?.kind !== "info-sync") return "for another duty";
    return faultOf(message) ?? (isSignedBy(message, publicKey) ? undefined : "signature");
  }

  #propose({ heard }: Exchange): ConsensusValue {
    const messages = [...heard].toSorted(([a], [b]) => a - b).map(([, message]) => message);
    const topics = calculate(messages, this.#options.threshold);
    return { typeUrl: PRIORITY_RESULT_URL, bytes: PriorityResult.encode({ messages, topics }) };
  }

  /** A leader can leave operators out, down to a threshold, and nothing else: all it says is signed or follows from that. */
  #isTrue(duty: DutyId, { typeUrl, bytes }: ConsensusValue): boolean {
    const { peerIds, threshold } = this.#options;
    if (typeUrl !== PRIORITY_RESULT_URL || bytes.length > peerIds.length * RESULT_BYTES_PER_OPERATOR_MAX)
      return false;
    const { messages } = PriorityResult.decode(bytes);
    const authors = messages.map(({ peerId }) => peerIds.indexOf(peerId));
    if (messages.length < threshold || new Set(authors).size < messages.length) return false;
    const genuine = messages.every(
      (message, i) =>
        message.duty?.slot === duty.slot && this.#faultOf(message, authors[i] as OperatorIndex) === undefined,
    );
    return (
      genuine &&
      equalBytes(PriorityResult.encode({ messages, topics: calculate(messages, threshold) }), bytes)
    );
  }
}
