import type { SeededRandom } from "../src/base/index.ts";
import { type GroupKey, slotStart } from "../src/spec/index.ts";
import type { DutyWorld } from "./duty-world.ts";
import { rootSigned } from "./signing.ts";

const patient = new AbortController().signal;

/**
 * The people behind the operators, each of whom wants a validator to leave and says so once: who was told that the exit is
 * kept does not say it again.
 */
export class ExitWish {
  readonly groupKey: GroupKey;
  /** Operators that were told that their exit is kept. */
  readonly kept = new Set<number>();
  readonly #world: DutyWorld;

  constructor(world: DutyWorld, random: SeededRandom) {
    this.#world = world;
    this.groupKey = random.pick(world.keys.cluster.validators).groupKey;
    const { spec, clock } = world;
    for (const { index } of world.operators)
      clock.at(slotStart(spec, 1) + random.integer(5 * spec.slotMs), () => this.#try(index));
  }

  #try(index: number): void {
    const { clock, spec } = this.#world;
    if (this.kept.has(index)) return;
    this.#say(index).catch(() => {}); // A node that dies, or does not know the validator yet, is told again.
    clock.at(clock.now() + spec.slotMs, () => this.#try(index));
  }

  async #say(index: number): Promise<void> {
    const { operators, chain, keys, spec } = this.#world;
    const operator = operators[index];
    const { groupKey } = this;
    if (operator === undefined) return;
    const message = { epoch: 0, validatorIndex: chain.indexOf(groupKey) };
    const unsigned = { message, signature: new Uint8Array(96) };
    const root = rootSigned({ kind: "exit", value: unsigned }, spec);
    if (root === undefined) return;
    const [signature] = await keys.signer(operator.index).sign([{ groupKey, root }], patient);
    if (signature === undefined) return;
    const item = { kind: "exit", slot: 0, groupKey, signed: { message, signature } } as const;
    const [refusal] = await operator.runner.desk.submit([item], patient);
    if (refusal === undefined) this.kept.add(index);
  }
}
