import type { Connection, Stream } from "@libp2p/interface";
import { AssertionFailed, assert, explain, orAborted } from "../base/index.ts";
import { type Logger, logBug, type Meter, type ProtocolLimits } from "../ports/index.ts";
import { bytesGone, FrameError, readFrame, writeFrame } from "./framing.ts";
import { HANDLER_TIMEOUT_MS, RECEIVING_BYTES_MAX_PER_PEER, SEND_TIMEOUT_MS } from "./limits.ts";
import { p2pMetrics } from "./metrics.ts";
import type { Roster, Who } from "./roster.ts";
import { endSoon } from "./stream-end.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { Violation, Violations } from "./violations.ts";
import { deadline, TimedOut } from "./waiting.ts";

/** Answers one message; `undefined` where there is no answer. */
export type Answer = (
  from: Who,
  message: Uint8Array,
) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

interface Protocol {
  readonly name: string;
  readonly limits: ProtocolLimits;
  readonly answer: Answer;
  readonly relaysToo: boolean;
}

/** What one peer has under way in one protocol. */
interface Account {
  readonly bucket: TokenBucket;
  open: number;
}

/** A refusal with its reason, on its way to the account of violations. */
class Refused extends Error {
  readonly reason: Violation;
  constructor(reason: Violation, cause?: unknown) {
    super(reason, { cause });
    this.reason = reason;
  }
}

/**
 * Receives messages from operators: one per stream, within the limits of its protocol. What goes beyond is counted and its
 * stream reset. Every limit is kept per peer, so one peer cannot use up another's.
 */
export class Inbound {
  readonly #roster: Roster;
  readonly #violations: Violations;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #protocols = new Map<string, Protocol>();
  readonly #accounts = new Map<string, Account>();
  /** Bytes of unfinished messages in memory, by peer. */
  readonly #held = new Map<string, number>();
  readonly #bytes: { add(by: number, labels: Record<string, string>): void };
  #closed = false;

  constructor(needs: {
    roster: Roster;
    violations: Violations;
    log: Logger;
    meter: Meter;
    now: () => number;
  }) {
    this.#roster = needs.roster;
    this.#violations = needs.violations;
    this.#log = needs.log;
    this.#now = needs.now;
    this.#bytes = p2pMetrics(needs.meter).receivedBytes;
  }

  /** @param options.relaysToo - Whether relays are answered as well. */
  register(
    name: string,
    limits: ProtocolLimits,
    answer: Answer,
    options: { readonly relaysToo: boolean },
  ): void {
    assert(!this.#closed, `protocol ${name} registered after start`);
    assert(!this.#protocols.has(name), `protocol ${name} registered twice`);
    this.#protocols.set(name, { name, limits, answer, relaysToo: options.relaysToo });
  }

  /** The registered protocols; from now on no other is taken. */
  close(): readonly string[] {
    this.#closed = true;
    return [...this.#protocols.keys()];
  }

  limitsOf(name: string): ProtocolLimits | undefined {
    return this.#protocols.get(name)?.limits;
  }

  /** Serves one stream to its end; never rejects. */
  async serve(name: string, stream: Stream, connection: Connection): Promise<void> {
    const protocol = this.#protocols.get(name);
    const who = this.#roster.whoIs(connection.remotePeer);
    try {
      if (protocol === undefined || who === undefined || (who.kind === "relay" && !protocol.relaysToo))
        throw new Refused("not-an-operator");
      await this.#serveWithin(protocol, who, stream);
      endSoon(stream);
    } catch (error) {
      if (error instanceof AssertionFailed) {
        logBug(this.#log, error, { protocol: name, peer: who?.name ?? "stranger" });
        return endSoon(stream);
      }
      if (error instanceof Refused) {
        this.#violations.count(who?.name ?? "stranger", error.reason, name, explain(error.cause));
        // Read whole and judged: an honest peer's message may just have come too late, and a Charon warns of a reset.
        if (error.reason === "handler-threw") return endSoon(stream);
      }
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #serveWithin(protocol: Protocol, who: Who, stream: Stream): Promise<void> {
    const account = this.#account(protocol, who);
    if (!account.bucket.take(this.#now())) throw new Refused("rate");
    if (account.open >= protocol.limits.burstMax) throw new Refused("concurrency");
    account.open++;
    let heldHere = 0;
    const hold = (bytes: number): boolean => {
      const held = (this.#held.get(who.name) ?? 0) + bytes;
      this.#held.set(who.name, held);
      heldHere += bytes;
      return held <= RECEIVING_BYTES_MAX_PER_PEER;
    };
    try {
      const message = await this.#receive(protocol, stream, hold);
      this.#bytes.add(message.length, { peer: who.name, protocol: protocol.name, transport: "tcp" });
      await stream.closeRead();
      const answer = await this.#handle(protocol, who, message);
      if (answer !== undefined) await this.#reply(stream, answer);
    } finally {
      account.open--;
      this.#held.set(who.name, (this.#held.get(who.name) ?? 0) - heldHere);
    }
  }

  async #receive(protocol: Protocol, stream: Stream, hold: (bytes: number) => boolean): Promise<Uint8Array> {
    let came = 0;
    const limit = deadline(protocol.limits.receiveTimeoutMs, undefined, () => came);
    try {
      return await readFrame(stream, {
        bytesMax: protocol.limits.messageBytesMax,
        signal: limit.signal,
        hold: (bytes) => {
          came += bytes;
          return hold(bytes);
        },
      });
    } catch (error) {
      if (error instanceof FrameError) throw new Refused(error.failure, error);
      if (error instanceof TimedOut) throw new Refused("too-slow", error);
      throw error; // The connection broke, which is nobody's fault.
    } finally {
      limit.clear();
    }
  }

  async #handle(protocol: Protocol, who: Who, message: Uint8Array): Promise<Uint8Array | undefined> {
    const limit = deadline(HANDLER_TIMEOUT_MS);
    try {
      return await orAborted(Promise.resolve(protocol.answer(who, message)), limit.signal);
    } catch (error) {
      if (error instanceof AssertionFailed) throw error;
      throw new Refused(error instanceof TimedOut ? "handler-too-slow" : "handler-threw", error);
    } finally {
      limit.clear();
    }
  }

  async #reply(stream: Stream, answer: Uint8Array): Promise<void> {
    const limit = deadline(SEND_TIMEOUT_MS, undefined, () => bytesGone(stream, answer));
    try {
      await writeFrame(stream, answer, limit.signal);
    } finally {
      limit.clear();
    }
  }

  #account(protocol: Protocol, who: Who): Account {
    const key = `${who.name} ${protocol.name}`;
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const { messagesPerSecondMax: perSecond, burstMax: burst } = protocol.limits;
    const account = { bucket: new TokenBucket({ perSecond, burst, now: this.#now() }), open: 0 };
    this.#accounts.set(key, account);
    return account;
  }
}
