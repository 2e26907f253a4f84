import type { SeededRandom } from "../src/base/index.ts";
import type { OperatorIndex, Root } from "../src/spec/index.ts";
import type { DiskCopy } from "./disk.ts";
import type { DutyWorld, SimOperator } from "./duty-world.ts";

/** What can go wrong in a world, with what is remembered to put it right again. */
export class Faults {
  /** Operators that are down. */
  readonly down = new Set<number>();
  /** Operators that were started again with an older copy of their disk. */
  readonly restored = new Set<number>();
  readonly #world: DutyWorld;
  readonly #random: SeededRandom;
  readonly #spared: ReadonlySet<number>;
  readonly #note: (what: string) => void;
  readonly #copies = new Map<number, DiskCopy>();

  /** @param spared - Liars: they misbehave in their own way. */
  constructor(
    world: DutyWorld,
    random: SeededRandom,
    more: { readonly spared: ReadonlySet<number>; readonly note: (what: string) => void },
  ) {
    this.#world = world;
    this.#random = random;
    this.#spared = more.spared;
    this.#note = more.note;
  }

  /** Something happens to somebody. */
  inflict(): void {
    const operator = this.#world.operators[this.#random.integer(this.#world.operators.length)];
    if (operator === undefined || this.#spared.has(operator.index)) return;
    const always = [this.#crashOrRestart, this.#crashOrRestart, this.#partition, this.#join, this.#copyDisk];
    const whileUp = [
      this.#jump,
      this.#loseBeacon,
      this.#delayBeacon,
      this.#otherHead,
      this.#lieOfBeacon,
      this.#client,
    ];
    const what = this.#random.pick(this.down.has(operator.index) ? always : [...always, ...whileUp]);
    what.call(this, operator);
  }

  /** Whoever takes a step may crash there. */
  crashAtSteps(chance: number): void {
    const { spec, clock } = this.#world;
    this.#world.onStage = (index, duty, { stage }) => {
      if (this.#spared.has(index) || this.down.has(index) || !this.#random.chance(chance)) return;
      this.#crash(index, `at "${stage}" of ${duty.slot}/${duty.kind}`);
      const awayMs = this.#random.pick([200, spec.slotMs / 2, 2 * spec.slotMs]);
      clock.at(clock.now() + 20 + this.#random.integer(awayMs), () => this.#restart(index));
    };
  }

  /** All is well from now on, but for liars. */
  end(): void {
    this.#world.onStage = () => {};
    for (const index of this.down) this.#restart(index);
    const { network, operators, clock: world } = this.#world;
    network.heal();
    Object.assign(network.weather, { loss: 0, duplication: 0, latencyMs: { min: 2, max: 40 } });
    for (const { beacon, clock, client } of operators) {
      beacon.down = false;
      beacon.latencyMs = 2;
      beacon.alterVote = (data) => data;
      beacon.alterHead = (root) => root;
      beacon.alterAggregate = (aggregate) => aggregate;
      beacon.alterContribution = (contribution) => contribution;
      // A clock that is wrong by seconds is the operator's to set.
      clock.jump(world.now() - clock.now());
      if (client !== undefined) Object.assign(client.temper, { absent: false, slowMs: 30, wrong: "nothing" });
    }
  }

  #crash(index: OperatorIndex, where: string): void {
    this.down.add(index);
    this.#world.crash(index);
    this.#note(`operator ${index} crashes ${where}`);
  }

  #restart(index: number): void {
    if (!this.down.delete(index)) return;
    const copy = this.#copies.get(index);
    const watched = this.#world.options.past !== undefined;
    if (watched && copy !== undefined && this.#random.chance(0.5)) {
      this.#world.operators[index]?.disk.restore(copy);
      this.restored.add(index);
    }
    this.#world.restart(index);
    this.#note(`operator ${index} restarts${this.restored.has(index) ? " with an old disk" : ""}`);
  }

  #crashOrRestart({ index }: SimOperator): void {
    if (this.down.has(index)) this.#restart(index);
    else this.#crash(index, "");
  }

  #partition(): void {
    const all = this.#world.operators.map(({ index }) => index);
    const side = all.filter(() => this.#random.chance(0.5));
    this.#world.network.partition(
      side,
      all.filter((index) => !side.includes(index)),
    );
    this.#note(`partition ${side.join(" ")} | the others`);
  }

  #join(): void {
    this.#world.network.partition(this.#world.operators.map(({ index }) => index));
    this.#note("the partition heals");
  }

  #copyDisk({ index, disk }: SimOperator): void {
    if (this.#copies.has(index)) return;
    this.#copies.set(index, disk.copy());
    this.#note(`the disk of operator ${index} is copied`);
  }

  #jump({ index, clock }: SimOperator): void {
    const byMs = this.#random.pick([-4_000, -300, 300, 4_000]);
    clock.jump(byMs);
    this.#note(`the clock of operator ${index} jumps by ${byMs} ms`);
  }

  #loseBeacon({ index, beacon }: SimOperator): void {
    beacon.down = !beacon.down;
    this.#note(`the beacon node of operator ${index} is ${beacon.down ? "down" : "up"}`);
  }

  #delayBeacon({ index, beacon }: SimOperator): void {
    beacon.latencyMs = this.#random.pick([2, 300, 2_500]);
    this.#note(`the beacon node of operator ${index} answers after ${beacon.latencyMs} ms`);
  }

  #otherHead({ index, beacon }: SimOperator): void {
    const own = this.#random.chance(0.5) ? index + 1 : 99; // A fork of its own, or one that others see too.
    seeOtherHead(beacon, new Uint8Array(32).fill(own));
    this.#note(`the beacon node of operator ${index} sees the head ${own}`);
  }

  #lieOfBeacon({ index, beacon }: SimOperator): void {
    const what = this.#random.pick(["nothing", "votes", "aggregates", "contributions"] as const);
    const wrong = new Uint8Array(32).fill(0xee);
    beacon.alterVote = (data) => (what === "votes" ? { ...data, slot: data.slot + 1 } : data);
    beacon.alterAggregate = ({ fork, value }) => ({
      fork,
      value: what === "aggregates" ? { ...value, data: { ...value.data, beaconBlockRoot: wrong } } : value,
    });
    beacon.alterContribution = (one) => (what === "contributions" ? { ...one, beaconBlockRoot: wrong } : one);
    this.#note(`the beacon node of operator ${index} lies of ${what}`);
  }

  #client({ index, client }: SimOperator): void {
    if (client === undefined) return;
    client.temper.absent = this.#random.chance(0.25);
    client.temper.slowMs = this.#random.pick([0, 0, 800, 3_000]);
    client.temper.wrong = this.#random.pick([
      "nothing",
      "nothing",
      "other-data",
      "other-share",
      "other-domain",
    ]);
    this.#note(`the client of operator ${index} is now ${JSON.stringify(client.temper)}`);
  }
}

/** From now on this beacon node follows another branch than the others. */
export function seeOtherHead(beacon: SimOperator["beacon"], root: Root): void {
  beacon.alterVote = (data) => ({ ...data, beaconBlockRoot: root });
  beacon.alterHead = () => root;
}
