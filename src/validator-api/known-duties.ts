import type { BeaconPassage, Clock, Sender } from "../ports/index.ts";
import {
  type ChainSpec,
  EPOCHS_PER_SYNC_COMMITTEE_PERIOD,
  type Epoch,
  epochOf,
  type Slot,
  slotAt,
  type ValidatorIndex,
} from "../spec/index.ts";
import type { Era } from "./era.ts";
import type { KeyBook } from "./key-book.ts";
import type { KnownValidators } from "./known-validators.ts";
import { EPOCHS_AHEAD_MAX } from "./limits.ts";
import type { Passage } from "./passage.ts";
import { askJson, itemsOf, refuseWithoutRoot } from "./upstream.ts";

/** The duties of an epoch, with public shares in place of group keys. */
export interface ClientDuties {
  /** What stands beside `data`: dependent_root, execution_optimistic. */
  readonly beside: Readonly<Record<string, unknown>>;
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** For kinds that are asked by index. */
  readonly byIndex: ReadonlyMap<ValidatorIndex, readonly Readonly<Record<string, unknown>>[]>;
}

/** How the beacon node is asked, and whether an answer about the next epoch can change when the epoch comes. */
const KINDS = {
  attester: { path: "/eth/v1/validator/duties/attester/", byIndex: true, settledEarly: true },
  sync: { path: "/eth/v1/validator/duties/sync/", byIndex: true, settledEarly: true },
  ptc: { path: "/eth/v1/validator/duties/ptc/", byIndex: true, settledEarly: true },
  proposer: { path: "/eth/v1/validator/duties/proposer/", byIndex: false, settledEarly: false },
  "proposer-v2": { path: "/eth/v2/validator/duties/proposer/", byIndex: false, settledEarly: false },
} as const;
export type ClientDutyKind = keyof typeof KINDS;

interface Parts {
  readonly keys: KeyBook;
  readonly validators: KnownValidators;
  readonly era: Era;
  readonly passage: Passage;
}

interface Kept {
  readonly stamp: string;
  readonly slot: Slot;
  readonly duties: Promise<ClientDuties>;
  /** Whether it rests on blocks that the node had not verified; it may have, a slot later. */
  unverified: boolean;
}

/**
 * Duties as the beacon node gave them, one request per kind and epoch for all validators of the cluster, kept while
 * their dependent root holds.
 */
export class KnownDuties {
  readonly #ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage };
  readonly #parts: Parts;
  readonly #closing: AbortSignal;
  readonly #kept = new Map<string, Kept>();

  constructor(
    ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage },
    parts: Parts,
    closing: AbortSignal,
  ) {
    this.#ports = ports;
    this.#parts = parts;
    this.#closing = closing;
  }

  /** @param from - Who asks; at its cost what is of use to nobody else. */
  async get(kind: ClientDutyKind, wanted: Epoch, from: Sender): Promise<ClientDuties> {
    const { clock, chain } = this.#ports;
    const slot = Math.max(0, slotAt(chain, clock.now()));
    const now = epochOf(chain, slot);
    for (const name of this.#kept.keys()) if (Number(name.split("/")[1]) < now - 1) this.#kept.delete(name);
    const indices = KINDS[kind].byIndex ? (await this.#parts.validators.get()).byIndex : new Map();
    const epoch = kind === "sync" ? sameCommittee(wanted, now) : wanted;
    // What lies further off is seldom asked for, and mostly by mistake; the beacon node says why not.
    if (epoch < now - 1 || epoch > now + EPOCHS_AHEAD_MAX)
      return this.#parts.passage.inTurn(from, (signal) =>
        this.#ask(kind, epoch, { indices, forOneClient: true }, AbortSignal.any([this.#closing, signal])),
      );
    const ahead = KINDS[kind].settledEarly || epoch <= now ? "" : `ahead of ${now}`;
    const stamp = `${this.#parts.era.number}/${indices.size}/${ahead}`;
    const name = `${kind}/${epoch}`;
    const kept = this.#kept.get(name);
    if (kept?.stamp === stamp && (!kept.unverified || kept.slot === slot)) return kept.duties;
    const duties = this.#ask(kind, epoch, { indices, forOneClient: false }, this.#closing);
    const asked: Kept = { stamp, slot, duties, unverified: false };
    this.#kept.set(name, asked);
    duties.then(
      ({ beside }) => {
        asked.unverified = beside["execution_optimistic"] === true;
      },
      () => {
        if (this.#kept.get(name) === asked) this.#kept.delete(name);
      },
    );
    return duties;
  }

  async #ask(
    kind: ClientDutyKind,
    epoch: Epoch,
    how: { readonly indices: ReadonlyMap<ValidatorIndex, unknown>; readonly forOneClient: boolean },
    signal: AbortSignal,
  ): Promise<ClientDuties> {
    const { path, byIndex } = KINDS[kind];
    const { indices, forOneClient } = how;
    // Without validators on chain there is nothing to ask, and some nodes take an empty list for all.
    const answer =
      byIndex && indices.size === 0
        ? {
            json: { data: [], dependent_root: `0x${"00".repeat(32)}`, execution_optimistic: false },
            headers: new Headers(),
          }
        : await askJson(
            this.#ports.beacon,
            byIndex
              ? {
                  method: "POST",
                  path: `${path}${epoch}`,
                  body: [...indices.keys()].map(String),
                  forOneClient,
                }
              : { method: "GET", path: `${path}${epoch}`, forOneClient },
            signal,
          );
    if (kind !== "sync") refuseWithoutRoot(answer);
    const { data: _, ...beside } = answer.json as Record<string, unknown>;
    const items = itemsOf(answer).map((item) => ({
      ...item,
      pubkey: this.#parts.keys.toClient(String(item["pubkey"])),
    }));
    const found = new Map<ValidatorIndex, Readonly<Record<string, unknown>>[]>();
    for (const item of items) {
      const index = Number((item as Record<string, unknown>)["validator_index"]);
      found.set(index, [...(found.get(index) ?? []), item]);
    }
    return { beside, items, byIndex: found };
  }
}

/**
 * The epoch to ask about: all epochs of a period have one sync committee. Nimbus asks about the first one of the period, and of the
 * next, again and again.
 */
function sameCommittee(epoch: Epoch, now: Epoch): Epoch {
  const period = (of: Epoch): number => Math.floor(of / EPOCHS_PER_SYNC_COMMITTEE_PERIOD);
  return period(epoch) === period(now) ? now : epoch;
}
