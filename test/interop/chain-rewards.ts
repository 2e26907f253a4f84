export interface SyncSeats {
  readonly seats: number;
  readonly missed: number;
  readonly emptyBlocks: number;
  /** How many of the validators hold a seat. */
  readonly members: number;
}

/** What a beacon node says of validators after the fact: rewards, proposals, presence in the sync committee. */
export class ChainRewards {
  readonly #url: string;

  /** @param url - A beacon node's REST address. */
  constructor(url: string) {
    this.#url = url.replace(/\/$/, "");
  }

  async timing(): Promise<{
    readonly genesisMs: number;
    readonly slotMs: number;
    readonly slotsPerEpoch: number;
  }> {
    const { genesis_time: genesis } = await this.#data<{ genesis_time: string }>(
      "GET",
      "/eth/v1/beacon/genesis",
    );
    const spec = await this.#data<Record<string, string>>("GET", "/eth/v1/config/spec");
    return {
      genesisMs: Number(genesis) * 1_000,
      slotMs: Number(spec["SLOT_DURATION_MS"] ?? Number(spec["SECONDS_PER_SLOT"]) * 1_000),
      slotsPerEpoch: Number(spec["SLOTS_PER_EPOCH"]),
    };
  }

  /** Indices of these public keys, in the order of the keys. */
  async indices(pubkeys: readonly string[]): Promise<readonly number[]> {
    const found = await this.#data<readonly { index: string; validator: { pubkey: string } }[]>(
      "POST",
      "/eth/v1/beacon/states/head/validators",
      { ids: pubkeys },
    );
    const byKey = new Map(found.map(({ index, validator }) => [validator.pubkey, Number(index)]));
    return pubkeys.map((key) => {
      const index = byKey.get(key);
      if (index === undefined) throw new Error(`the chain does not know validator ${key}`);
      return index;
    });
  }

  /** Attestation rewards of an epoch that differ from the ideal ones; known from two epochs later on. */
  async belowIdeal(epoch: number, indices: readonly number[]): Promise<readonly string[]> {
    interface Reward {
      readonly head: string;
      readonly target: string;
      readonly source: string;
      readonly inactivity?: string;
    }
    const { ideal_rewards: ideals, total_rewards: totals } = await this.#data<{
      ideal_rewards: readonly (Reward & { effective_balance: string })[];
      total_rewards: readonly (Reward & { validator_index: string })[];
    }>("POST", `/eth/v1/beacon/rewards/attestations/${epoch}`, indices.map(String));
    const balances = await this.#data<readonly { index: string; validator: { effective_balance: string } }[]>(
      "POST",
      "/eth/v1/beacon/states/head/validators",
      { ids: indices.map(String) },
    );
    return indices.flatMap((index) => {
      const total = totals.find(({ validator_index: of }) => Number(of) === index);
      const balance = balances.find(({ index: of }) => Number(of) === index)?.validator.effective_balance;
      const ideal = ideals.find(({ effective_balance: of }) => of === balance);
      if (total === undefined || ideal === undefined) return [`validator ${index}: no rewards told`];
      const parts = (["source", "target", "head"] as const).filter((part) => total[part] !== ideal[part]);
      if (Number(total.inactivity ?? 0) !== 0) return [`validator ${index}: inactivity ${total.inactivity}`];
      return parts.map((part) => `validator ${index}: ${part} ${total[part]} of ${ideal[part]}`);
    });
  }

  /** Slots of `epoch` in which one of `indices` was to propose, and whether the chain has its block. */
  async proposals(
    epoch: number,
    indices: readonly number[],
  ): Promise<readonly { readonly slot: number; readonly validator: number; readonly inChain: boolean }[]> {
    const duties = await this.#data<readonly { validator_index: string; slot: string }[]>(
      "GET",
      `/eth/v1/validator/duties/proposer/${epoch}`,
    );
    const own = duties
      .map(({ validator_index: validator, slot }) => ({ validator: Number(validator), slot: Number(slot) }))
      .filter(({ validator, slot }) => slot > 0 && indices.includes(validator));
    return Promise.all(
      own.map(async (duty) => ({ ...duty, inChain: (await this.#proposerOf(duty.slot)) === duty.validator })),
    );
  }

  /**
   * What the sync aggregates of an epoch's blocks paid `indices`, in seats: each message in a block pays its seat's reward, and
   * each one that lacks costs as much. A block whose aggregate is empty altogether is its proposer's loss and nobody's here;
   * such blocks are counted apart.
   */
  async syncSeats(epoch: number, slotsPerEpoch: number, indices: readonly number[]): Promise<SyncSeats> {
    const committee = await this.#data<{ validators: readonly string[] }>(
      "GET",
      `/eth/v1/beacon/states/head/sync_committees?epoch=${epoch}`,
    );
    const held = new Map<number, number>();
    for (const member of committee.validators.map(Number)) held.set(member, (held.get(member) ?? 0) + 1);
    const own = indices.filter((index) => held.has(index));
    const found = { seats: 0, missed: 0, emptyBlocks: 0, members: own.length };
    for (let slot = Math.max(1, epoch * slotsPerEpoch); slot < (epoch + 1) * slotsPerEpoch; slot++) {
      if ((await this.#proposerOf(slot)) === undefined) continue;
      const rewards = await this.#data<readonly { validator_index: string; reward: string }[]>(
        "POST",
        `/eth/v1/beacon/rewards/sync_committee/${slot}`,
        [],
      );
      const paid = new Map(
        rewards.map(({ validator_index: index, reward }) => [Number(index), Number(reward)]),
      );
      // Whoever is there with every seat tells what a seat is worth.
      const perSeat = Math.max(...[...held].map(([index, seats]) => (paid.get(index) ?? 0) / seats));
      if (perSeat <= 0) {
        found.emptyBlocks++;
        continue;
      }
      for (const index of own) {
        const seats = held.get(index) ?? 0;
        found.seats += seats;
        found.missed += Math.round((seats * perSeat - (paid.get(index) ?? 0)) / (2 * perSeat));
      }
    }
    return found;
  }

  /** Undefined for a slot without a block. */
  async #proposerOf(slot: number): Promise<number | undefined> {
    const answer = await fetch(`${this.#url}/eth/v1/beacon/headers/${slot}`);
    if (answer.status === 404) return undefined;
    const { data } = (await this.#read(answer)) as {
      data: { header: { message: { proposer_index: string } } };
    };
    return Number(data.header.message.proposer_index);
  }

  async #data<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    return ((await this.#read(answer)) as { data: T }).data;
  }

  async #read(answer: Response): Promise<unknown> {
    if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
    return answer.json();
  }
}
