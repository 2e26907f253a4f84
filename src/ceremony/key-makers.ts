import type { Definition } from "../cluster/index.ts";
import type { Clock, Logger, Transport } from "../ports/index.ts";
import type { Broadcast, BroadcastKind } from "./broadcast.ts";
import type { Mailbox } from "./mailbox.ts";
import type { MadeKey } from "./make-keys.ts";
import type { Post } from "./post.ts";

export interface KeyMakerNeeds {
  readonly definition: Definition;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly post: Post;
  readonly mailbox: Mailbox;
}

/** The rounds of one algorithm. Its protocols are registered when it is made. */
export interface KeyMaker {
  readonly broadcasts: readonly BroadcastKind[];
  /** Makes the keys of all validators. @throws CeremonyError `ceremony/lied` names who sent what cannot be. */
  make(with_: KeyMaking): Promise<readonly MadeKey[]>;
}

export interface KeyMaking {
  /** The same bytes again after a restart. */
  readonly entropy: (bytes: number) => Uint8Array;
  readonly broadcast: Broadcast;
  /** Called once for each key that is done. */
  readonly onKey: () => void;
  readonly signal: AbortSignal;
}
