import type { Clock } from "../ports/index.ts";
import type { OperatorIndex, UnixMs } from "../spec/index.ts";

/** The parts of a ceremony, in order. The number is Charon's step that is reached when the part is done. */
export const parts = [
  { name: "meeting", step: 1, title: "Meeting the other operators" },
  { name: "keys", step: 2, title: "Making keys" },
  { name: "deposits", step: 3, title: "Signing deposits" },
  { name: "registrations", step: 4, title: "Signing builder registrations" },
  { name: "lock", step: 5, title: "Signing the cluster lock" },
  { name: "nodes", step: 6, title: "Exchanging node signatures" },
  { name: "storing", step: 7, title: "Storing key shares" },
  { name: "finishing", step: 8, title: "Writing deposit data" },
] as const;
export type PartName = (typeof parts)[number]["name"];

/** How it stands with one other operator. */
export interface PeerProgress {
  readonly operator: OperatorIndex;
  readonly connected: boolean;
  readonly path: "direct" | "relayed" | undefined;
  /** "charon v1.11.0", "trireme v0.1.0"; undefined while it has not introduced itself. */
  readonly program: string | undefined;
  readonly nickname: string;
  readonly step: number | undefined;
  /** What is wrong with it, or why it is not connected. */
  readonly trouble: string | undefined;
  /** What we wait for it to do, the longest wait first: "to connect". */
  readonly waitingFor: string | undefined;
  readonly waitingSince: UnixMs | undefined;
}

/** What a live view shows. */
export interface CeremonyProgress {
  readonly clusterName: string;
  readonly self: OperatorIndex;
  readonly threshold: number;
  readonly validators: number;
  readonly part: PartName;
  /** How it ended; undefined while it is under way. */
  readonly outcome: "complete" | "failed" | undefined;
  /** Since when this part has been under way. */
  readonly partSince: UnixMs;
  readonly startedAt: UnixMs;
  readonly now: UnixMs;
  /** Of the part that counts keys: making them, or storing them. */
  readonly keysDone: number;
  readonly keysWanted: number;
  readonly peers: readonly PeerProgress[];
}

/** What a message is to people, by the names that both programs give it. */
export function nameOfMessage(id: string): string {
  if (id.endsWith("partials/101")) return "signatures over the lock";
  if (id.endsWith("partials/102")) return "signatures over registrations";
  if (/partials\/2\d\d$/.test(id)) return "signatures over deposits";
  if (id.endsWith("node_sig")) return "node signature";
  return "part of the keys";
}

/** Keeps the account of where the ceremony is and for whom it waits. Nothing depends on it. */
export class Waits {
  readonly #clock: Clock;
  readonly #waits = new Map<OperatorIndex, Map<string, UnixMs>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `work`, counted as a wait for an operator while it lasts. */
  async during<T>(operator: OperatorIndex, what: string, work: Promise<T>): Promise<T> {
    let waits = this.#waits.get(operator);
    if (waits === undefined) {
      waits = new Map();
      this.#waits.set(operator, waits);
    }
    if (!waits.has(what)) waits.set(what, this.#clock.now());
    try {
      return await work;
    } finally {
      waits.delete(what);
    }
  }

  /** The longest wait for an operator. */
  longest(operator: OperatorIndex): { readonly what: string; readonly since: UnixMs } | undefined {
    const [first] = this.#waits.get(operator) ?? []; // In order of their beginning.
    return first && { what: first[0], since: first[1] };
  }
}
