import type { Cluster } from "../cluster/index.ts";
import type { Logger, Meter, ValidatorRecord } from "../ports/index.ts";
import type { GroupKey, ValidatorIndex } from "../spec/index.ts";
import { scheduleMetrics } from "./metrics.ts";

/** What the chain says of the cluster's validators; nothing before it was asked. */
export class Validators {
  readonly groupKeys: readonly GroupKey[];
  readonly #log: Logger;
  readonly #metrics: ReturnType<typeof scheduleMetrics>;
  #records: ReadonlyMap<GroupKey, ValidatorRecord> = new Map();

  constructor({
    cluster,
    log,
    meter,
  }: {
    readonly cluster: Cluster;
    readonly log: Logger;
    readonly meter: Meter;
  }) {
    this.groupKeys = cluster.validators.map(({ groupKey }) => groupKey);
    this.#log = log;
    this.#metrics = scheduleMetrics(meter);
  }

  of(groupKey: GroupKey): ValidatorRecord | undefined {
    return this.#records.get(groupKey);
  }

  get all(): readonly ValidatorRecord[] {
    return [...this.#records.values()];
  }

  get activeCount(): number {
    return this.all.filter(({ status }) => status.startsWith("active")).length;
  }

  /** Indices that have duties or may get them soon. */
  get indices(): readonly ValidatorIndex[] {
    return this.all
      .filter(({ status }) => !status.startsWith("exited") && !status.startsWith("withdrawal"))
      .map(({ index }) => index);
  }

  learn(found: readonly ValidatorRecord[]): void {
    const before = this.#records;
    this.#records = new Map(found.map((record) => [record.pubkey, record]));
    for (const record of found) this.#tell(record, before.get(record.pubkey)?.status);
    this.#metrics.active.set(this.activeCount);
    if (found.some(({ pubkey }) => !before.has(pubkey)))
      this.#log.info("Validators found on the chain", { active: this.activeCount, known: found.length });
  }

  #tell({ pubkey, status }: ValidatorRecord, before: string | undefined): void {
    if (before === status) return;
    const labels = { pubkey_full: pubkey, pubkey: `${pubkey.slice(2, 5)}_${pubkey.slice(-3)}` };
    if (before !== undefined) this.#metrics.status.set(0, { ...labels, status: before });
    this.#metrics.status.set(1, { ...labels, status });
    // At the start one line for all is enough; later a change is news.
    const say = before === undefined ? this.#log.debug : this.#log.info;
    say("Validator status", { validator: pubkey, status });
  }
}
