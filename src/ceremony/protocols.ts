import { type Definition, depositAmountsOf, type Lock } from "../cluster/index.ts";
import type { Known, NodeKey } from "../crypto/index.ts";
import type { BlsWork, Channels, Clock, Logger, Transport } from "../ports/index.ts";
import { Attempts } from "./attempts.ts";
import { Broadcast } from "./broadcast.ts";
import type { CeremonyError } from "./errors.ts";
import type { Journal, JournalRecord } from "./journal.ts";
import type { KeyMaker, KeyMakerNeeds } from "./key-makers.ts";
import { mailMax } from "./limits.ts";
import { Mailbox } from "./mailbox.ts";
import { Meeting, type PeerNews } from "./meeting.ts";
import { nodeSignatureKind } from "./node-signatures.ts";
import type { OutputFolder } from "./output-folder.ts";
import { PartialExchange } from "./partials.ts";
import { Post } from "./post.ts";
import { Waits } from "./progress.ts";
import { StepSync } from "./step-sync.ts";
import { withinMail } from "./within-mail.ts";

export interface CeremonyNeeds {
  readonly transport: Transport;
  readonly channels: Channels;
  readonly clock: Clock;
  readonly log: Logger;
  readonly bls: BlsWork;
  /** Remembers what of the lock in the making was read and verified, for the look at the whole. */
  readonly known: Known;
  readonly output: OutputFolder;
  /** What the network knows of the other operators. */
  readonly peers: () => readonly PeerNews[];
  /** Unpredictable bytes. */
  readonly entropy: (bytes: number) => Uint8Array;
}

export interface CeremonyOptions {
  readonly definition: Definition;
  readonly key: NodeKey;
  /** By operator, compressed. */
  readonly publicKeys: readonly Uint8Array[];
  readonly network: { readonly name: string; readonly genesisTime: number };
  readonly journalPath: string;
  readonly nickname: string;
  /** The rounds of the definition's algorithm. */
  readonly keyMaker: (needs: KeyMakerNeeds) => KeyMaker;
  /** Checks the finished lock. @throws what is wrong with it */
  readonly verifyLock: (lock: Lock) => void;
}

/** What a journal says that was opened or begun, and which attempt at the ceremony is ours. */
export interface Begun {
  readonly journal: Journal;
  readonly records: readonly JournalRecord[];
  /** 16 bytes. */
  readonly attempt: Uint8Array;
}

/** What speaks with the other operators. */
export interface Protocols {
  readonly sync: StepSync;
  readonly meeting: Meeting;
  readonly keyMaker: KeyMaker;
  readonly broadcast: Broadcast;
  readonly exchange: PartialExchange;
  readonly waits: Waits;
}

/** The step that a journal says we have told others; 0 for none. */
export const stepOf = (records: readonly JournalRecord[]): number =>
  Math.max(0, ...records.map((record) => (record.kind === "step" ? record.step : 0)));

/** Makes everything that speaks with the other operators, each with its protocol registered; call before the network starts. */
export function registerProtocols(
  needs: CeremonyNeeds,
  options: CeremonyOptions,
  { journal, records, attempt }: Begun,
  ceremony: {
    /** Whether the first step is done: from then on nobody may begin anew. */
    readonly hasBegun: () => boolean;
    readonly fail: (error: CeremonyError) => void;
  },
): Protocols {
  const { channels, clock, log } = needs;
  const { definition, key, publicKeys } = options;
  const { definitionHash } = definition;
  const { fail } = ceremony;
  const depositAmounts = depositAmountsOf(definition).length;
  const most = mailMax({
    validators: definition.numValidators,
    operators: needs.transport.operatorCount,
    depositAmounts,
  });
  const transport = withinMail(needs.transport, most.bytes);
  const step = stepOf(records);
  const isResumed = step > 0;
  const waits = new Waits(clock);
  const attempts = new Attempts(attempt, records, journal);
  const mailbox = new Mailbox(journal, log, most);
  mailbox.restore(records);
  const common = { transport, channels, clock, log, attempts, waits, isResumed, fail };

  const { self } = transport;
  const { nickname } = options;
  const sync = new StepSync({
    channels,
    clock,
    log,
    key,
    self,
    publicKeys,
    definitionHash,
    nickname,
    fail,
  });
  sync.resumeAt(step);
  const post = new Post({ ...common, definitionHash, mailbox, hasBegun: ceremony.hasBegun });
  const keyMaker = options.keyMaker({ definition, transport, clock, log, post, mailbox });
  const kinds = [nodeSignatureKind, ...keyMaker.broadcasts];
  const broadcast = new Broadcast(
    {
      transport,
      clock,
      attempts,
      post,
      mailbox,
      journal,
      key,
      publicKeys,
      session: definitionHash,
      kinds,
      fail,
    },
    records,
  );
  const exchange = new PartialExchange({ transport, post, mailbox, depositAmounts });
  const meeting = new Meeting({ ...common, post, sync, peers: needs.peers });
  return { sync, meeting, keyMaker, broadcast, exchange, waits };
}
