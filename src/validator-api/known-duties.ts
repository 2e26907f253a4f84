import type { BeaconPassage, Clock } from "../ports/index.ts";
import { type ChainSpec, type Epoch, epochOf, slotAt, type ValidatorIndex } from "../spec/index.ts";
import type { Era } from "./era.ts";
import type { KeyBook } from "./key-book.ts";
import type { KnownValidators } from "./known-validators.ts";
import { EPOCHS_AHEAD_MAX } from "./limits.ts";
import { askJson, itemsOf } from "./upstream.ts";

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

/**
 * Duties as the beacon node gave them, one request per kind and epoch for all validators of the cluster, kept while
 * their dependent root holds.
 */
export class KnownDuties {
  readonly #ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage };
  readonly #parts: { readonly keys: KeyBook; readonly validators: KnownValidators; readonly era: Era };
  readonly #closing: AbortSignal;
  readonly #kept = new Map<string, { readonly stamp: string; readonly duties: Promise<ClientDuties> }>();

  constructor(
    ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage },
    parts: { readonly keys: KeyBook; readonly validators: KnownValidators; readonly era: Era },
    closing: AbortSignal,
  ) {
    this.#ports = ports;
    this.#parts = parts;
    this.#closing = closing;
  }

  async get(kind: ClientDutyKind, epoch: Epoch): Promise<ClientDuties> {
    const { clock, chain } = this.#ports;
    const now = epochOf(chain, Math.max(0, slotAt(chain, clock.now())));
    for (const name of this.#kept.keys()) if (Number(name.split("/")[1]) < now - 1) this.#kept.delete(name);
    const indices = KINDS[kind].byIndex ? (await this.#parts.validators.get()).byIndex : new Map();
    // What lies further off is seldom asked for, and mostly by mistake; the beacon node says why not.
    if (epoch < now - 1 || epoch > now + EPOCHS_AHEAD_MAX) return this.#ask(kind, epoch, indices);
    const ahead = KINDS[kind].settledEarly || epoch <= now ? "" : `ahead of ${now}`;
    const stamp = `${this.#parts.era.number}/${indices.size}/${ahead}`;
    const name = `${kind}/${epoch}`;
    const kept = this.#kept.get(name);
    if (kept?.stamp === stamp) return kept.duties;
    const asked = { stamp, duties: this.#ask(kind, epoch, indices) };
    this.#kept.set(name, asked);
    asked.duties.catch(() => {
      if (this.#kept.get(name) === asked) this.#kept.delete(name);
    });
    return asked.duties;
  }

  async #ask(
    kind: ClientDutyKind,
    epoch: Epoch,
    indices: ReadonlyMap<ValidatorIndex, unknown>,
  ): Promise<ClientDuties> {
    const { path, byIndex } = KINDS[kind];
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
              ? { method: "POST", path: `${path}${epoch}`, body: [...indices.keys()].map(String) }
              : { method: "GET", path: `${path}${epoch}` },
            this.#closing,
          );
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
