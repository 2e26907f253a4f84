import { createHash } from "node:crypto";
import { type SeededRandom, seededRandom } from "../src/base/index.ts";
import { decodePartials, encodePartials, PARSIGEX_PROTOCOL } from "../src/duty/index.ts";
import { slotStart } from "../src/spec/index.ts";
import { Checkers } from "./checkers.ts";
import { DutyWorld, type DutyWorldOptions } from "./duty-world.ts";

/** A run of one world. */
export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  /** What happened, for `--trace`. */
  readonly trace: readonly string[];
  /** Equal for equal seeds. */
  readonly fingerprint: string;
}

export interface RunOptions {
  /** Broken parts, put in to see that a checker notices. */
  readonly canary?: Pick<DutyWorldOptions, "disk" | "bls" | "consensus">;
}

const CHAOS_UNTIL_SLOT = 6;
const HEALED_SLOT = 8;
const END_SLOT = 12;
const SLOTS_PER_EPOCH = 4;

/**
 * Draws a whole world from a seed and runs it: some slots in which anything may happen, then good weather, in which every
 * duty must be done though up to f operators still lie.
 */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<Run> {
  const random = seededRandom(seed).fork("chaos");
  const operatorCount = random.pick([4, 4, 4, 5, 6, 7, 10]);
  const f = Math.floor((operatorCount - 1) / 3);
  const liars = new Set<number>();
  while (random.chance(0.5) && liars.size < f) liars.add(random.integer(operatorCount));
  const trace: string[] = [];
  const refused: string[] = [];
  const world = new DutyWorld(seed, {
    operatorCount,
    validatorCount: 3,
    slotsPerEpoch: SLOTS_PER_EPOCH,
    weather: {
      latencyMs: { min: 2, max: random.pick([20, 120, 400]) },
      loss: random.pick([0, 0.02, 0.2]),
      duplication: random.pick([0, 0.1]),
    },
    chain: { missedBlocks: random.pick([0, 0.2]), blockDelayMs: random.pick([300, 1_200]) },
    ...options.canary,
  });
  world.onWrongSignature = (groupKey) => void refused.push(groupKey);
  const checkers = new Checkers(world, liars);
  for (const liar of liars) lie(world, liar, random.fork(`liar ${liar}`));
  world.start();
  await chaos(world, random, trace, liars);
  heal(world, trace);
  await world.runToSlot(END_SLOT + 2);
  for (const one of refused) checkers.seeRefusedSignature(one.slice(0, 12));
  checkers.checkLiveness(HEALED_SLOT, END_SLOT);
  const happened = world.operators.flatMap((operator) =>
    operator.timeline.map(
      ({ duty, entry }) => `${entry.at - world.spec.genesisTime} ${operator.index} ${duty} ${entry.stage}`,
    ),
  );
  return {
    seed,
    violations: checkers.violations,
    trace: [`${operatorCount} operators, liars ${[...liars].join(" ") || "none"}`, ...trace, ...happened],
    fingerprint: createHash("sha256")
      .update(JSON.stringify([trace, happened]))
      .digest("hex"),
  };
}

/** Crashes, partitions, clocks, bad weather and bad beacon nodes, at random moments. */
async function chaos(
  world: DutyWorld,
  random: SeededRandom,
  trace: string[],
  liars: ReadonlySet<number>,
): Promise<void> {
  const { spec } = world;
  const end = slotStart(spec, CHAOS_UNTIL_SLOT);
  const crashed = new Set<number>();
  const count = world.operators.length;
  const note = (what: string): void =>
    void trace.push(`${((world.clock.now() - spec.genesisTime) / spec.slotMs).toFixed(3)} ${what}`);
  while (world.clock.now() < end) {
    await world.clock.run({ forMs: 50 + random.integer(spec.slotMs / 2) });
    const operator = random.integer(count);
    const beacon = world.operators[operator]?.beacon;
    if (beacon === undefined || liars.has(operator)) continue;
    const dice = random.integer(8);
    if (dice <= 2) {
      if (crashed.has(operator)) {
        crashed.delete(operator);
        world.restart(operator);
        note(`operator ${operator} restarts`);
      } else {
        crashed.add(operator);
        world.crash(operator);
        note(`operator ${operator} crashes`);
      }
    } else if (dice === 3) {
      const side = Array.from({ length: count }, (_, i) => i).filter(() => random.chance(0.5));
      world.network.partition(
        side,
        Array.from({ length: count }, (_, i) => i).filter((i) => !side.includes(i)),
      );
      note(`partition ${side.join(" ")} | the others`);
    } else if (dice === 4) {
      world.network.partition(Array.from({ length: count }, (_, i) => i));
      note("the partition heals");
    } else if (!crashed.has(operator) && dice === 5) {
      const byMs = random.pick([-4_000, -300, 300, 4_000]);
      world.operators[operator]?.clock.jump(byMs);
      note(`the clock of operator ${operator} jumps by ${byMs} ms`);
    } else if (!crashed.has(operator) && dice === 6) {
      beacon.down = !beacon.down;
      note(`the beacon node of operator ${operator} is ${beacon.down ? "down" : "up"}`);
    } else if (dice === 7) {
      beacon.latencyMs = random.pick([2, 300, 2_500]);
      const other = random.chance(0.5);
      beacon.alterVote = other
        ? (data) => ({ ...data, beaconBlockRoot: new Uint8Array(32).fill(operator + 1) })
        : (data) => data;
      note(
        `the beacon node of operator ${operator} answers after ${beacon.latencyMs} ms${other ? " and sees another head" : ""}`,
      );
    }
  }
  for (const operator of crashed) world.restart(operator);
}

function heal(world: DutyWorld, trace: string[]): void {
  world.network.heal();
  world.network.weather.loss = 0;
  world.network.weather.duplication = 0;
  world.network.weather.latencyMs = { min: 2, max: 40 };
  for (const { beacon, clock } of world.operators) {
    beacon.down = false;
    beacon.latencyMs = 2;
    beacon.alterVote = (data) => data;
    // A clock that is wrong by seconds is the operator's to set.
    clock.jump(world.clock.now() - clock.now());
  }
  trace.push("healed");
}

/** A lying operator: its partial signatures are wrong, different for different peers, or missing. */
function lie(world: DutyWorld, liar: number, random: SeededRandom): void {
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== liar || protocol !== PARSIGEX_PROTOCOL || random.chance(0.3)) return undefined;
    if (random.chance(0.3)) return "drop";
    const { duty, partials } = decodePartials(message);
    if (duty.kind !== "attester") return undefined;
    // The signature begins at byte 20 + 132 of an attestation.
    return encodePartials(
      duty,
      partials.map(({ data, ...rest }) => ({ ...rest, data: data.with(160, random.integer(256)) })),
    );
  });
}
