import { createHash } from "node:crypto";
import { seededRandom } from "../src/base/index.ts";
import { type Slot, slotStart } from "../src/spec/index.ts";
import { Checkers } from "./checkers/index.ts";
import { DutyWorld, type DutyWorldOptions, type SimOperator } from "./duty-world.ts";
import { Faults, seeOtherHead } from "./faults.ts";
import { tellLies } from "./liars.ts";
import { drawPlan, type Plan, SLOTS_PER_EPOCH, starve } from "./plan.ts";
import { ExitWish } from "./wishes.ts";

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
  readonly canary?: Canary;
}

export type Canary = Pick<DutyWorldOptions, "disk" | "bls" | "consensus" | "beacon" | "signer"> & {
  /** Does something to the world before it begins. */
  readonly prepare?: (world: DutyWorld) => void;
};

/** An operator that watches for a double needs at most so many slots until it signs again. */
const WATCH_SLOTS_MAX = 4 * SLOTS_PER_EPOCH;

/**
 * Draws a whole world from a seed and runs it: some slots in which anything may happen, then good weather, in which every
 * duty must be done though up to f operators still lie, watch, or see another head.
 */
export async function runSeed(seed: number, { canary }: RunOptions = {}): Promise<Run> {
  const random = seededRandom(seed).fork("chaos");
  const plan = planOf(seed);
  const { prepare, ...planted } = canary ?? {};
  const world = new DutyWorld(seed, { ...plan.options, ...planted });
  const trace: string[] = [describe(plan)];
  const note = (what: string): void =>
    void trace.push(
      `${((world.clock.now() - world.spec.genesisTime) / world.spec.slotMs).toFixed(3)} ${what}`,
    );
  const checkers = new Checkers(world, plan.liars);
  for (const liar of plan.liars) tellLies(world, liar, random.fork(`liar ${liar}`));
  if (plan.starvedPlace !== undefined) starve(world, plan.starvedPlace);
  const exit = plan.wantsExit ? new ExitWish(world, random.fork("exit")) : undefined;
  const faults = new Faults(world, random.fork("faults"), { spared: plan.liars, note });
  want(world, plan);
  prepare?.(world);
  world.start();

  faults.crashAtSteps(plan.crashChance);
  const end = slotStart(world.spec, plan.chaosUntilSlot);
  while (world.clock.now() < end) {
    await world.clock.run({ forMs: 50 + random.integer(world.spec.slotMs / 2) });
    faults.inflict();
    want(world, plan);
  }
  faults.end();
  want(world, plan);
  for (const index of plan.behind) {
    const beacon = world.operators[index]?.beacon;
    if (beacon !== undefined) seeOtherHead(beacon, new Uint8Array(32).fill(0xbe));
  }
  note("healed");

  const from = await goodWeather(world, plan);
  if (from === undefined) {
    checkers.finish();
    return result(seed, world, trace, checkers);
  }
  const sound = world.operators.filter((operator) => !plan.liars.has(operator.index) && !watches(operator));
  // A slot more than is looked at: a liar that leads the last aggregate first may hold that round until its slot is over.
  await world.runToSlot(from + SLOTS_PER_EPOCH + 3);
  const { threshold } = world.keys.cluster;
  const kept = [...(exit?.kept ?? [])].filter((i) => !plan.liars.has(i) && !faults.restored.has(i));
  const clients = sound.filter(({ client }) => client !== undefined);
  checkers.finish({
    from,
    to: from + SLOTS_PER_EPOCH,
    sound,
    liars: plan.liars,
    withoutSelections: new Set(plan.starvedPlace === undefined ? [] : [plan.starvedPlace]),
    exits: exit !== undefined && kept.length >= threshold ? [exit.groupKey] : [],
    gasLimit: clients.length >= threshold ? plan.gasLimit : undefined,
  });
  return result(seed, world, trace, checkers);
}

/** The world that belongs to a seed. */
export function planOf(seed: number): Plan {
  return drawPlan(seededRandom(seed).fork("plan"));
}

/**
 * The first slot of an epoch in which no more than f operators fail in any way. Undefined when a liar keeps somebody watching
 * for ever, by signing for the others and hiding it from the one that watches (docs/adr/0170).
 */
async function goodWeather(world: DutyWorld, plan: Plan): Promise<Slot | undefined> {
  const soonest = plan.chaosUntilSlot + 2;
  const mayWatch = plan.f - plan.liars.size - plan.behind.length;
  let from = Math.ceil(soonest / SLOTS_PER_EPOCH) * SLOTS_PER_EPOCH;
  for (const latest = from + WATCH_SLOTS_MAX; from < latest; from += SLOTS_PER_EPOCH) {
    await world.runToSlot(from - 1);
    const watching = world.operators.filter(
      (operator) => !plan.liars.has(operator.index) && watches(operator),
    );
    if (watching.length <= mayWatch) return from;
  }
  return plan.liars.size === 0 ? from : undefined;
}

function watches({ runner }: SimOperator): boolean {
  return runner.status().watching !== undefined;
}

/** What clients want their builders to be told, those included that have just been started. */
function want({ operators }: DutyWorld, { gasLimit }: Plan): void {
  if (gasLimit === undefined) return;
  for (const { client } of operators)
    if (client !== undefined) client.registration = { gasLimit, timestamp: 1_800_000_000 };
}

function describe({ operatorCount, liars, behind, clients, options, ...rest }: Plan): string {
  const list = (of: Iterable<number>): string => [...of].join(" ") || "none";
  const { crashChance, starvedPlace, watches: watching, wantsExit, gasLimit } = rest;
  const facts = {
    fuluEpoch: options.fuluEpoch,
    slotMs: options.slotMs,
    seats: options.chain?.syncSeats,
    crashChance,
    starvedPlace,
    watching,
  };
  return `${operatorCount} operators, liars ${list(liars)}, behind ${list(behind)}, clients ${list(clients)}, ${JSON.stringify({ ...facts, wantsExit, gasLimit })}`;
}

function result(seed: number, world: DutyWorld, trace: readonly string[], { violations }: Checkers): Run {
  const happened = world.operators.flatMap((operator) =>
    operator.timeline.map(
      ({ duty, entry }) => `${entry.at - world.spec.genesisTime} ${operator.index} ${duty} ${entry.stage}`,
    ),
  );
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([trace, happened, world.chain.published.length, violations]))
    .digest("hex");
  return { seed, violations: [...new Set(violations)], trace: [...trace, ...happened], fingerprint };
}
