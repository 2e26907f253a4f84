import { NodeKey } from "../../crypto/index.ts";
import { silent } from "../../ports/index.ts";
import type { OperatorIndex } from "../../spec/index.ts";
import { Attempts } from "../attempts.ts";
import { Broadcast, type BroadcastKind } from "../broadcast.ts";
import type { CeremonyError } from "../errors.ts";
import type { JournalRecord } from "../journal.ts";
import { mailMax } from "../limits.ts";
import { Mailbox } from "../mailbox.ts";
import { Post } from "../post.ts";
import { Waits } from "../progress.ts";
import type { LoopbackNetwork, LoopbackNode } from "./loopback.ts";
import { quickClock } from "./quick-clock.ts";

export const memberKeys = (count: number): readonly NodeKey[] =>
  Array.from({ length: count }, (_, i) => NodeKey.fromBytes(new Uint8Array(32).fill(i + 1)));

export const session: Uint8Array = new Uint8Array(32).fill(9);
export const kind: BroadcastKind = { id: "/test/cast", type: "Test" };

/** An operator with mail and broadcast, and a journal in memory that outlives it. */
export interface MailMember {
  readonly node: LoopbackNode;
  readonly mailbox: Mailbox;
  readonly post: Post;
  readonly broadcast: Broadcast;
  readonly records: JournalRecord[];
  readonly signal: AbortSignal;
  /** Gone at once; make a new one from its records to restart it. */
  kill(): void;
  /** Settles with what ended the ceremony here. */
  readonly failed: Promise<CeremonyError>;
}

export function mailMember(
  network: LoopbackNetwork,
  self: number,
  records: JournalRecord[] = [{ kind: "begin", attempt: new Uint8Array(16).fill(self) }],
): MailMember {
  const keys = memberKeys(network.operatorCount);
  const node = network.join(self);
  const stop = new AbortController();
  const failed = Promise.withResolvers<CeremonyError>();
  const clock = quickClock(50);
  const journal = { append: async (record: JournalRecord) => void records.push(record) };
  const mailbox = new Mailbox(
    journal,
    silent,
    mailMax({ validators: 100, operators: network.operatorCount, depositAmounts: 4 }),
  );
  mailbox.restore(records);
  const fail = (error: CeremonyError): void => failed.resolve(error);
  const begin = records.find((record) => record.kind === "begin");
  const attempts = new Attempts(begin?.attempt ?? new Uint8Array(16), records, journal);
  const { transport } = node;
  const post = new Post({
    transport,
    channels: node.channels,
    clock,
    log: silent,
    definitionHash: session,
    mailbox,
    attempts,
    waits: new Waits(clock),
    isResumed: false,
    hasBegun: () => true,
    fail,
  });
  const key = keys[self] as NodeKey;
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  const broadcast = new Broadcast(
    { transport, clock, attempts, post, mailbox, journal, key, publicKeys, session, kinds: [kind], fail },
    records,
  );
  const kill = (): void => {
    stop.abort(new Error("killed"));
    node.leave();
  };
  return { node, mailbox, post, broadcast, records, signal: stop.signal, kill, failed: failed.promise };
}

export const operator = (i: number): OperatorIndex => i as OperatorIndex;
