import type { SeededRandom } from "../src/base/index.ts";
import { byClientButAggregation, decodePartials, PARSIGEX_PROTOCOL } from "../src/duty/index.ts";
import type { Offer } from "../src/infosync/index.ts";
import type { Epoch, OperatorIndex } from "../src/spec/index.ts";
import type { DutyWorld, DutyWorldOptions } from "./duty-world.ts";
import { lyingLeader } from "./liars.ts";

export const SLOTS_PER_EPOCH = 4;

/** A world as the seed draws it. */
export interface Plan {
  readonly operatorCount: number;
  /** How many operators may fail in whatever way. */
  readonly f: number;
  readonly liars: ReadonlySet<number>;
  /** Operators whose beacon nodes follow another branch to the end: with the liars no more than f. */
  readonly behind: readonly number[];
  readonly clients: ReadonlySet<number>;
  readonly chaosUntilSlot: number;
  /** How likely an operator crashes at a step that it takes. */
  readonly crashChance: number;
  /** The place in every epoch of the slot for which selection proofs never reach the threshold. */
  readonly starvedPlace: number | undefined;
  /** Whether operators watch for a double when their memory may have gaps. */
  readonly watches: boolean;
  readonly wantsExit: boolean;
  /** What validator clients want builders to be told. */
  readonly gasLimit: number | undefined;
  readonly options: DutyWorldOptions;
}

/** Small clusters are common, and large ones take long: ten operators cost six times what four do. */
const OPERATOR_COUNTS = [...Array<number>(22).fill(4), 5, 5, 5, 5, 6, 6, 7, 7, 4, 10];
const MODERN: Offer = { versions: ["v1.11", "v1.10"], protocols: ["/a"], proposals: ["builder", "full"] };
const OLD: Offer = { versions: ["v1.10"], protocols: ["/a"], proposals: ["full"] };

export function drawPlan(random: SeededRandom): Plan {
  const operatorCount = random.pick(OPERATOR_COUNTS);
  const f = Math.floor((operatorCount - 1) / 3);
  const liars = new Set<number>();
  while (random.chance(0.5) && liars.size < f) liars.add(random.integer(operatorCount));
  const others = Array.from({ length: operatorCount }, (_, i) => i).filter((i) => !liars.has(i));
  const behind = random.chance(0.3) ? others.slice(0, f - liars.size) : [];
  const clients = drawClients(random, operatorCount);
  // Most forks come while anything may happen; some in good weather, and some at its end.
  const fuluEpoch: Epoch = random.pick([0, 0, 1, 1, 2, 3]);
  const modern = random.pick([0, 0.5, 1]);
  const seats = random.pick([[], [], [[7]], [[3, 130, 300, 400]], [[1, 200], [511]]]);
  const lies = random.fork("leaders");
  const watches = random.chance(0.25);
  return {
    operatorCount,
    f,
    liars,
    behind,
    clients,
    chaosUntilSlot: random.chance(0.08) ? 14 : 6,
    crashChance: random.pick([0, 0, 0.002, 0.01]),
    starvedPlace: random.chance(0.3) ? random.integer(SLOTS_PER_EPOCH) : undefined,
    watches,
    wantsExit: random.chance(0.4),
    gasLimit: random.chance(0.5) ? 60_000_000 : undefined,
    options: {
      operatorCount,
      validatorCount: 3,
      slotsPerEpoch: SLOTS_PER_EPOCH,
      // Blocks withstand a lying leader in a slot of twelve seconds only; in a shorter one the same faults weigh more.
      slotMs: random.fork("slot length").pick([6_000, 6_000, 12_000]),
      fuluEpoch,
      registrations: true,
      weather: {
        latencyMs: { min: 2, max: random.pick([20, 120, 400]) },
        loss: random.pick([0, 0.02, 0.2]),
        duplication: random.pick([0, 0.1]),
      },
      chain: {
        missedBlocks: random.pick([0, 0.2]),
        blockDelayMs: random.pick([300, 1_200]),
        syncSeats: seats,
      },
      hasClient: (index) => clients.has(index),
      signing: (index, signer) =>
        clients.has(index) && random.fork(`who aggregates ${index}`).chance(0.3)
          ? byClientButAggregation(signer)
          : undefined,
      offer: (index) => (random.fork(`offer ${index}`).chance(modern) ? MODERN : OLD),
      consensus: (index, honest) => (liars.has(index) ? lyingLeader(honest, lies.fork(`${index}`)) : honest),
      ...(watches && {
        past: (_index: OperatorIndex, disk) => ({ memory: disk.standing(), freshKeys: true }),
      }),
    },
  };
}

/** An operator may have either, so some worlds are mixed. */
function drawClients(random: SeededRandom, operatorCount: number): ReadonlySet<number> {
  const share = random.pick([0, 0, 0.5, 1]);
  return new Set(Array.from({ length: operatorCount }, (_, i) => i).filter(() => random.chance(share)));
}

/** Selection proofs of one place in every epoch reach so few that nobody has a threshold of them. */
export function starve({ network, keys, spec }: DutyWorld, place: number): void {
  const silent = keys.cluster.operators.length - keys.cluster.threshold + 2;
  network.intercept(({ from, protocol, message }) => {
    if (protocol !== PARSIGEX_PROTOCOL || from >= silent) return undefined;
    const { kind, slot } = decodePartials(message).duty;
    return kind.startsWith("prepare-") && slot % spec.slotsPerEpoch === place ? "drop" : undefined;
  });
}
