import { AssertionFailed } from "../src/base/index.ts";
import { type Consensus, QBFT_PROTOCOL } from "../src/consensus/index.ts";
import { decodeUnsignedSet, encodeUnsignedSet } from "../src/duty/index.ts";
import type { BeaconNode, BlsWork, CombineResult } from "../src/ports/index.ts";
import { type DutyKind, forkAt, slotAt, slotStart } from "../src/spec/index.ts";
import type { Canary } from "./chaos.ts";
import type { DutyWorld } from "./duty-world.ts";
import { seeOtherHead } from "./faults.ts";
import { type Plan, SLOTS_PER_EPOCH, starve } from "./plan.ts";
import { selectionRoot } from "./signing.ts";

/** A planted bug, with how the violation begins that has to be noticed. */
export interface PlantedBug {
  readonly name: string;
  readonly noticed: string;
  /** Worlds in which it can show; all when left out. */
  readonly where?: (plan: Plan) => boolean;
  readonly plant: () => Canary;
}

/** A slashing memory that admits everything: a node that forgets. */
const forgetful: NonNullable<Canary["disk"]> = (_index, honest) => ({
  ...honest,
  admit: async (votes) => votes.map(() => ({ admitted: true })),
});

/** Signs its own proposal without asking the others. */
const impatient =
  (...kinds: readonly DutyKind[]): NonNullable<Canary["consensus"]> =>
  (_index, honest) => ({
    async agree(duty, how, signal) {
      if (!kinds.includes(duty.kind)) return honest.agree(duty, how, signal);
      honest.agree(duty, how, signal).catch(() => {});
      return { value: await how.proposal, round: 1 };
    },
  });

/** The first operator dies when it has voted, and comes back beside another head while votes are due. */
function changesItsMind(world: DutyWorld): void {
  for (let slot = 1; slot < 12; slot++)
    world.clock.at(slotStart(world.spec, slot) + 2_200, () => {
      world.crash(0);
      world.restart(0);
      const beacon = world.operators[0]?.beacon;
      if (beacon !== undefined) seeOtherHead(beacon, new Uint8Array(32).fill(slot));
    });
}

/** Takes for decided what was decided, and a bit of its own. */
const ownAggregate: NonNullable<Canary["consensus"]> = (index, honest) => ({
  async agree(duty, how, signal) {
    const decision = await honest.agree(duty, how, signal);
    if (duty.kind !== "aggregator") return decision;
    const set = [...decodeUnsignedSet("aggregator", decision.value)].map(
      ([groupKey, { fork, value }]) =>
        [groupKey, { fork, value: { ...value, signature: value.signature.with(0, index) } }] as const,
    );
    return { ...decision, value: encodeUnsignedSet("aggregator", new Map(set)) };
  },
});

/** Never decides. */
const mute =
  (...kinds: readonly DutyKind[]): NonNullable<Canary["consensus"]> =>
  (_index, honest) => ({
    agree: (duty, how, signal) =>
      kinds.includes(duty.kind) ? never(how, signal) : honest.agree(duty, how, signal),
  });

function never(how: Parameters<Consensus["agree"]>[1], signal: AbortSignal): ReturnType<Consensus["agree"]> {
  return new Promise((_, reject) => {
    how.proposal.catch(() => {});
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** Combines and believes; the signature is wrong by a bit. */
const credulous =
  (isMeant: (root: Uint8Array) => boolean) =>
  (honest: BlsWork): BlsWork => ({
    ...honest,
    combine: async (jobs) =>
      (await honest.combine(jobs)).map((result, i) =>
        isMeant(jobs[i]?.root ?? new Uint8Array()) ? withWrongBit(result) : result,
      ),
  });

function withWrongBit({ signature, guilty }: CombineResult): CombineResult {
  return { guilty, signature: signature?.with(95, (signature[95] ?? 0) ^ 1) };
}

/** Something between an operator and its beacon node. `this` of a method stays the honest node. */
const onTheWay =
  (change: (honest: BeaconNode) => Partial<BeaconNode>): NonNullable<Canary["beacon"]> =>
  (_index, honest) => {
    const changes = change(honest);
    return new Proxy(honest, {
      get(target, name) {
        const own = (changes as Record<string | symbol, unknown>)[name] ?? Reflect.get(target, name);
        return typeof own === "function" ? own.bind(target) : own;
      },
    });
  };

const swallow = (method: keyof BeaconNode): (() => Canary) => {
  return () => ({ beacon: onTheWay(() => ({ [method]: async () => {} })) });
};

/** Names what it sends by the fork of the moment, and not of the slot that it is about. */
function forkOfTheMoment(): Canary {
  let world: DutyWorld | undefined;
  return {
    prepare: (made) => void (world = made),
    beacon: onTheWay((honest) => ({
      publishAttestations(fork, votes, signal) {
        const now = world && forkAt(world.spec, slotAt(world.spec, world.clock.now()));
        return honest.publishAttestations(now ?? fork, votes, signal);
      },
    })),
  };
}

function wrongSelections(): Canary {
  const roots = new Set<string>();
  return {
    prepare({ spec }) {
      for (let slot = 0; slot < 40; slot++) roots.add(Buffer.from(selectionRoot(spec, slot)).toString("hex"));
    },
    bls: credulous((root) => roots.has(Buffer.from(root).toString("hex"))),
  };
}

/** What an assertion does that fails. */
async function breakPromise(): Promise<never> {
  throw new AssertionFailed("what never happens");
}

const AGREED = ["attester", "proposer", "aggregator", "sync-contribution"] as const;
const hasSeats = ({ options }: Plan): boolean => (options.chain?.syncSeats ?? []).length > 0;

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "operators that sign before they agree, with a memory that forgets",
    noticed: "S1",
    where: ({ clients }) => clients.size === 0,
    plant: () => ({ disk: forgetful, consensus: impatient(...AGREED), prepare: changesItsMind }),
  },
  {
    name: "operators that sign before they agree",
    noticed: "S2",
    plant: () => ({ consensus: impatient(...AGREED) }),
  },
  {
    name: "operators that take each an aggregate of its own for decided",
    noticed: "S2: two values were",
    plant: () => ({ consensus: ownAggregate }),
  },
  {
    name: "a key share that is another operator's",
    noticed: "S2: operator",
    plant: () => ({
      signer: (_index, honest) => ({
        ...honest,
        sign: async (requests, signal) =>
          (await honest.sign(requests, signal)).map((signature) => signature?.toReversed()),
      }),
    }),
  },
  {
    name: "a combination that is not verified",
    noticed: "S3",
    plant: () => ({ bls: credulous(() => true) }),
  },
  {
    name: "a selection proof that is not verified",
    noticed: "S3: operator",
    plant: wrongSelections,
  },
  {
    name: "a fork that is taken from the clock, on a chain that changes fork during a duty",
    noticed: "S3: operator",
    where: ({ options }) => options.fuluEpoch === 1,
    plant: forkOfTheMoment,
  },
  {
    name: "a sync message for one's own head under everybody's signature, where operators see different heads",
    noticed: "S3: operator",
    where: (plan) => hasSeats(plan) && plan.behind.length > 0,
    plant: () => ({
      beacon: onTheWay((honest) => ({
        async publishSyncMessages(messages, signal) {
          const beaconBlockRoot = await honest.headRoot(signal);
          return honest.publishSyncMessages(
            messages.map((message) => ({ ...message, beaconBlockRoot })),
            signal,
          );
        },
      })),
    }),
  },
  {
    name: "aggregator selections that never reach the threshold",
    noticed: "S7: the aggregator",
    plant: () => ({
      prepare(world) {
        for (let place = 0; place < SLOTS_PER_EPOCH; place++) starve(world, place);
      },
    }),
  },
  {
    name: "a consensus that never decides",
    noticed: "S7: the attester",
    plant: () => ({ consensus: mute(...AGREED) }),
  },
  {
    name: "a consensus that never decides what operators can do",
    noticed: "S7: operator",
    plant: () => ({ consensus: mute("info-sync") }),
  },
  {
    name: "sync messages that nobody sends",
    noticed: "S7: the sync-message",
    where: hasSeats,
    plant: swallow("publishSyncMessages"),
  },
  {
    name: "contributions that nobody sends",
    noticed: "S7: the sync-contribution",
    where: hasSeats,
    plant: swallow("publishContributions"),
  },
  { name: "blocks that nobody sends", noticed: "S7: the proposer", plant: swallow("publishBlock") },
  {
    name: "fee recipients that nobody tells",
    noticed: "S7: operator",
    plant: swallow("prepareProposers"),
  },
  {
    name: "registrations that nobody tells",
    noticed: "S7: operator",
    plant: swallow("registerValidators"),
  },
  {
    name: "an assertion that fails in a duty",
    noticed: "bug: operator",
    where: ({ clients }) => clients.size === 0,
    plant: () => ({ signer: (_index, honest) => ({ ...honest, sign: breakPromise }) }),
  },
  {
    name: "an assertion that fails on the way to the slashing memory",
    noticed: "bug: operator",
    plant: () => ({ disk: (_index, honest) => ({ ...honest, admit: breakPromise }) }),
  },
  {
    name: "an assertion that fails at the message of a peer",
    noticed: "bug: operator",
    plant: () => ({
      prepare: ({ network, operators }) => {
        for (const { index } of operators)
          network.transport(index).handle(QBFT_PROTOCOL, {} as never, breakPromise);
      },
    }),
  },
  {
    name: "exits that are said to be on disk and are not",
    noticed: "S7: the exit",
    where: ({ wantsExit, crashChance }) => wantsExit && crashChance > 0,
    plant: () => ({ disk: (_index, honest) => ({ ...honest, writeNote: async () => {} }) }),
  },
];
