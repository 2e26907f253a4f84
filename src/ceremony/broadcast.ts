import { equalBytes, type proto } from "../base/index.ts";
import { type NodeKey, sha256, verifySecp256k1 } from "../crypto/index.ts";
import { type Clock, sleepUntil, type Transport } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { Attempts } from "./attempts.ts";
import { type CeremonyError, lied } from "./errors.ts";
import type { JournalRecord } from "./journal.ts";
import { ASK_AGAIN_MS, MESSAGE_LIMITS } from "./limits.ts";
import type { Mailbox, Remembering } from "./mailbox.ts";
import type { Post } from "./post.ts";
import { nameOfMessage } from "./progress.ts";
import { type Author, compareShown, isProven, proveShown, Shown, shownMail } from "./shown.ts";
import { BCastMessage, BCastSigRequest, BCastSigResponse } from "./wire.ts";

/** Which of Charon's two broadcasts is spoken: 2 from v1.11.0-rc3 on, which binds signatures to the session. */
export type BroadcastVersion = 1 | 2;

const protocolOf = (version: BroadcastVersion, part: "sig" | "msg"): string =>
  `/charon/dkg/bcast/${version}.0.0/${part}`;
const mailOf = (id: string): string => `bcast${id}`;
const TYPE_PREFIX = "type.googleapis.com/dkg.dkgpb.v1.";

/** A kind of broadcast: its name on the wire and the type of message it carries. */
export interface BroadcastKind {
  readonly id: string;
  /** e.g. "FrostRound1Casts" */
  readonly type: string;
}

type Any = proto.Infer<typeof proto.Any>;

/**
 * What every operator signs before a broadcast counts.
 *
 * @param session - 32 bytes: the definition hash.
 */
export function broadcastHash(
  version: BroadcastVersion,
  session: Uint8Array,
  id: string,
  { typeUrl, value }: Any,
): Uint8Array {
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  if (version === 1) return sha256(utf8(typeUrl), value);
  return sha256(
    ...[session, utf8(id), utf8(typeUrl), value].flatMap((part) => {
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(part.length));
      return [length, part];
    }),
  );
}

export interface BroadcastNeeds {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly post: Post;
  readonly mailbox: Mailbox;
  readonly journal: Remembering;
  readonly key: NodeKey;
  /** By operator, compressed. */
  readonly publicKeys: readonly Uint8Array[];
  readonly session: Uint8Array;
  readonly kinds: readonly BroadcastKind[];
  readonly fail: (error: CeremonyError) => void;
}

/**
 * Charon's reliable broadcast: a message counts once every operator has signed that it is the one message of that name which
 * it was shown by this author. So nobody can tell two operators different things. What we have signed is in the journal
 * before the signature leaves, so that holds across restarts too.
 */
export class Broadcast {
  readonly #needs: BroadcastNeeds;
  /** By author and name: what we have signed that we were shown. */
  readonly #signed = new Map<string, { readonly shown: Shown; readonly remembered: Promise<void> }>();
  /** Ours that everybody has signed. */
  readonly #made = new Map<string, Uint8Array>();
  #version: BroadcastVersion = 2;

  /** Registers the protocols of both versions; call before the network starts. */
  constructor(needs: BroadcastNeeds, records: readonly JournalRecord[]) {
    this.#needs = needs;
    for (const record of records) {
      if (record.kind === "signed")
        this.#keep(record.peer as OperatorIndex, record.id, record, Promise.resolve());
      if (record.kind === "made") this.#made.set(record.id, record.message);
    }
    for (const version of [1, 2] as const) {
      needs.transport.handle(protocolOf(version, "sig"), MESSAGE_LIMITS, (from, bytes) =>
        this.#confirm(version, from, bytes),
      );
      needs.transport.handle(protocolOf(version, "msg"), MESSAGE_LIMITS, async (from, bytes) => {
        this.#open(version, from, bytes);
        await needs.mailbox.deliver(from, mailOf(BCastMessage.decode(bytes).id), bytes);
        return undefined;
      });
    }
  }

  /** Which version we speak; settled by the dialect of the ceremony. */
  speak(version: BroadcastVersion): void {
    this.#version = version;
  }

  /** Shows our message to all, collects their signatures, and sends it out with them. */
  async send(kind: BroadcastKind, value: Uint8Array, signal: AbortSignal): Promise<void> {
    const { post, transport } = this.#needs;
    const message = { typeUrl: TYPE_PREFIX + kind.type, value };
    const bytes = this.#made.get(kind.id) ?? (await this.#collect(kind.id, message, signal));
    post.keep(mailOf(kind.id), bytes);
    for (const to of others(transport)) post.send(to, protocolOf(this.#version, "msg"), bytes, signal);
  }

  /** The message that a peer has broadcast. */
  async receive(from: OperatorIndex, kind: BroadcastKind, signal: AbortSignal): Promise<Uint8Array> {
    const stop = new AbortController();
    const comparing = this.#compare(from, kind, AbortSignal.any([stop.signal, signal]));
    const bytes = await this.#needs.post
      .receive(from, mailOf(kind.id), signal)
      .finally(() => stop.abort(new Error("it is there")));
    await comparing;
    try {
      return this.#open(this.#version, from, bytes).value; // One that came by our own asking was not looked at before.
    } catch (cause) {
      throw lied(from, "has sent a broadcast that was not signed by every operator", { cause });
    }
  }

  async #collect(id: string, message: Any, signal: AbortSignal): Promise<Uint8Array> {
    const { attempts, key, publicKeys, post, journal, session, transport } = this.#needs;
    const hash = broadcastHash(this.#version, session, id, message);
    const proof = proveShown(key, attempts.own, hash);
    const request = BCastSigRequest.encode({ id, message, proof });
    const signatures = await Promise.all(
      publicKeys.map(async (publicKey, operator) => {
        if (operator === transport.self) return key.sign(hash);
        return await post.request(
          operator as OperatorIndex,
          protocolOf(this.#version, "sig"),
          request,
          (answer) => {
            const { signature } = BCastSigResponse.decode(answer);
            if (signature.length === 65 && verifySecp256k1(hash, publicKey, signature)) return signature;
            throw new Error("its signature under our broadcast is wrong");
          },
          signal,
        );
      }),
    );
    const bytes = BCastMessage.encode({ id, message, signatures });
    await journal.append({ kind: "made", id, message: bytes });
    this.#made.set(id, bytes);
    return bytes;
  }

  /** Signs that a peer has shown us this message; only one of each name. */
  async #confirm(version: BroadcastVersion, from: OperatorIndex, bytes: Uint8Array): Promise<Uint8Array> {
    const { key, session, post, journal, fail } = this.#needs;
    const { id, message, proof } = BCastSigRequest.decode(bytes);
    if (message === undefined) throw new Error("a request without a message");
    this.#kindOf(id, message);
    const hash = broadcastHash(version, session, id, message);
    const shown = { hash, proof };
    if (post.isTrireme(from) && !isProven(this.#author(from), shown))
      throw new Error("what a Trireme shows comes with its signature for that");
    const entry =
      this.#signed.get(`${from} ${id}`) ??
      this.#keep(from, id, shown, journal.append({ kind: "signed", peer: from, id, ...shown }));
    if (!equalBytes(entry.shown.hash, hash)) {
      fail(
        lied(
          from,
          `has shown two different messages under the one name ${id}: it was restarted without its journal, or it cheats`,
        ),
      );
      throw new Error("another message of this name was confirmed before");
    }
    await entry.remembered;
    return BCastSigResponse.encode({ id, signature: key.sign(hash) });
  }

  #keep(
    author: OperatorIndex,
    id: string,
    shown: Shown,
    remembered: Promise<void>,
  ): { readonly shown: Shown; readonly remembered: Promise<void> } {
    const entry = { shown, remembered };
    this.#signed.set(`${author} ${id}`, entry);
    this.#needs.post.keep(shownMail(author, id), Shown.encode(shown));
    return entry;
  }

  #author(operator: OperatorIndex): Author {
    const { attempts, publicKeys } = this.#needs;
    return { operator, publicKey: publicKeys[operator] as Uint8Array, attempt: attempts.of(operator) };
  }

  /**
   * While a broadcast does not come, asks the other Triremes what its author has shown them: one that shows different
   * messages gets none through, and would be waited for without end. Settles when the signal fires; never rejects.
   */
  async #compare(from: OperatorIndex, { id }: BroadcastKind, signal: AbortSignal): Promise<void> {
    const { clock, fail, transport } = this.#needs;
    const witnesses = others(transport).filter((operator) => operator !== from);
    while (!signal.aborted) {
      await sleepUntil(clock, clock.now() + ASK_AGAIN_MS, signal).catch(() => {});
      const us = this.#signed.get(`${from} ${id}`)?.shown;
      if (signal.aborted || us === undefined) continue;
      for (const witness of witnesses) {
        const theirs = await this.#shownTo(witness, from, id, signal);
        if (theirs === undefined) continue;
        const blame = compareShown(this.#author(from), witness, { us, witness: theirs }, nameOfMessage(id));
        if (blame !== undefined) fail(blame);
      }
    }
  }

  /** What a witness says that an author has shown it; undefined while it says nothing, or nothing that can be read. */
  async #shownTo(
    witness: OperatorIndex,
    author: OperatorIndex,
    id: string,
    signal: AbortSignal,
  ): Promise<Shown | undefined> {
    const { post } = this.#needs;
    if (!post.isTrireme(witness)) return undefined;
    try {
      const bytes = await post.ask(witness, shownMail(author, id), signal);
      return bytes && Shown.decode(bytes);
    } catch {
      return undefined;
    }
  }

  /** The message inside, when every operator has signed it. @throws when not */
  #open(version: BroadcastVersion, from: OperatorIndex, bytes: Uint8Array): Any {
    const { id, message, signatures } = BCastMessage.decode(bytes);
    const { publicKeys, session } = this.#needs;
    if (message === undefined) throw new Error("a broadcast without a message");
    this.#kindOf(id, message);
    const hash = broadcastHash(version, session, id, message);
    const isWhole =
      signatures.length === publicKeys.length &&
      signatures.every(
        (signature, i) =>
          signature.length === 65 && verifySecp256k1(hash, publicKeys[i] as Uint8Array, signature),
      );
    if (!isWhole) throw new Error(`a broadcast of operator ${from} that not every operator has signed`);
    return message;
  }

  #kindOf(id: string, { typeUrl }: Any): BroadcastKind {
    const kind = this.#needs.kinds.find((one) => one.id === id);
    if (kind === undefined) throw new Error(`no broadcast is named ${id.slice(0, 80)}`);
    if (typeUrl !== TYPE_PREFIX + kind.type) throw new Error(`${id} carries another type of message`);
    return kind;
  }
}

/** Everyone but ourselves. */
export function others(transport: Transport): readonly OperatorIndex[] {
  return Array.from({ length: transport.operatorCount }, (_, i) => i as OperatorIndex).filter(
    (operator) => operator !== transport.self,
  );
}
