import type { Turns } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import type { QbftMessage } from "../qbft/index.ts";
import type { ChainSpec, DutyId, DutyKind, OperatorIndex } from "../spec/index.ts";
import type { PeerRoom } from "./peer-room.ts";
import type { ConsensusValue } from "./types.ts";

/** What all instances share. */
export interface InstanceContext {
  readonly self: OperatorIndex;
  /** 33 bytes each, by operator index. */
  readonly publicKeys: readonly Uint8Array[];
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly key: NodeKey;
  readonly log: Logger;
  readonly canonicalise: (value: ConsensusValue, kind: DutyKind) => ConsensusValue | undefined;
  /** Told when somebody else spoke with our key: said what we did not say, or led where we said nothing. */
  readonly onDouble: (duty: DutyId, evidence: "signed" | "led") => void;
  /** Parts that were verified. */
  readonly verified: Set<string>;
  /** What peers have made us keep. */
  readonly room: PeerRoom;
  /** For reading long values: who sends many holds up itself. */
  readonly turns: Turns<OperatorIndex>;
  /** Sends to one peer, or to all when `to` is undefined; failures are the transport's to count. */
  readonly send: (
    duty: DutyId,
    kind: QbftMessage["kind"],
    bytes: Uint8Array,
    to: OperatorIndex | undefined,
  ) => void;
}
