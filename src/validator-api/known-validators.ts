import { type BeaconPassage, type Clock } from "../ports/index.ts";
import { type ChainSpec, epochOf, type GroupKey, slotAt, type ValidatorIndex } from "../spec/index.ts";
import type { KeyBook } from "./key-book.ts";
import { UNKNOWN_AGAIN_SLOTS } from "./limits.ts";
import { askJson, itemsOf } from "./upstream.ts";

/** A validator as the beacon API has it, with the public share in place of the group key. */
export interface ClientValidator {
  readonly index: ValidatorIndex;
  readonly groupKey: GroupKey;
  readonly status: string;
  /** The whole object of the answer. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** All validators of the cluster in one state of the chain. */
export interface ValidatorSnapshot {
  readonly byIndex: ReadonlyMap<ValidatorIndex, ClientValidator>;
  readonly byGroupKey: ReadonlyMap<GroupKey, ClientValidator>;
  readonly executionOptimistic: boolean;
  readonly finalized: boolean;
}

/**
 * The cluster's validators in the head state: one request for all of them, kept for the epoch. Validators that the chain
 * does not know yet are asked for again every few slots, and all when the node had not verified its head.
 */
export class KnownValidators {
  readonly #ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage };
  readonly #keys: KeyBook;
  readonly #closing: AbortSignal;
  #latest: { readonly slot: number; readonly snapshot: Promise<ValidatorSnapshot> } | undefined;

  constructor(
    ports: { readonly clock: Clock; readonly chain: ChainSpec; readonly beacon: BeaconPassage },
    keys: KeyBook,
    closing: AbortSignal,
  ) {
    this.#ports = ports;
    this.#keys = keys;
    this.#closing = closing;
  }

  /** @throws what `askJson` throws; the next caller asks again. */
  async get(): Promise<ValidatorSnapshot> {
    const { clock, chain } = this.#ports;
    const slot = slotAt(chain, clock.now());
    const latest = this.#latest;
    if (latest !== undefined && epochOf(chain, latest.slot) === epochOf(chain, slot)) {
      const snapshot = await latest.snapshot;
      const complete = snapshot.byGroupKey.size === this.#keys.groupKeys.length;
      const heldSlots = snapshot.executionOptimistic
        ? 1
        : complete
          ? Number.POSITIVE_INFINITY
          : UNKNOWN_AGAIN_SLOTS;
      if (slot < latest.slot + heldSlots) return snapshot;
      // Whoever came first meanwhile has asked again.
      if (this.#latest !== latest && this.#latest !== undefined) return this.#latest.snapshot;
    }
    const asked = { slot, snapshot: this.#ask() };
    this.#latest = asked;
    asked.snapshot.catch(() => {
      if (this.#latest === asked) this.#latest = undefined;
    });
    return asked.snapshot;
  }

  async #ask(): Promise<ValidatorSnapshot> {
    const answer = await askJson(
      this.#ports.beacon,
      {
        method: "POST",
        path: "/eth/v1/beacon/states/head/validators",
        body: { ids: this.#keys.groupKeys },
      },
      this.#closing,
    );
    const byIndex = new Map<ValidatorIndex, ClientValidator>();
    const byGroupKey = new Map<GroupKey, ClientValidator>();
    for (const item of itemsOf(answer)) {
      const validator = item["validator"] as Readonly<Record<string, unknown>> | undefined;
      const groupKey = String(validator?.["pubkey"]).toLowerCase() as GroupKey;
      const index = Number(item["index"]);
      if (!this.#keys.isOurs(groupKey) || !Number.isSafeInteger(index)) continue;
      const json = { ...item, validator: { ...validator, pubkey: this.#keys.toClient(groupKey) } };
      const known = { index, groupKey, status: String(item["status"]), json };
      byIndex.set(index, known);
      byGroupKey.set(groupKey, known);
    }
    return {
      byIndex,
      byGroupKey,
      executionOptimistic: answer.json["execution_optimistic"] === true,
      finalized: answer.json["finalized"] === true,
    };
  }
}
