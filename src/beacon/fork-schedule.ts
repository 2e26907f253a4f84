import { toHex } from "../base/index.ts";
import type { Clock, Logger } from "../ports/index.ts";
import { type ChainSpec, epochOf, slotAt, type UnixMs } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import { FORK_NEAR_MS } from "./limits.ts";

// A chain stays the same while its plans change: a beacon node is upgraded and knows a fork that is to come. Domains and due
// times follow from the schedule, so an old one makes every signature wrong from that fork on.

interface Planned {
  /** "gloas from epoch 12 as 0x07000000" */
  readonly text: string;
  readonly epoch: number;
}

function forksOf({ config }: ChainSpec): readonly Planned[] {
  return config.forksAscendingEpochOrder
    .filter(({ epoch }) => Number.isFinite(epoch))
    .map(({ name, epoch, version }) => ({ text: `${name} from epoch ${epoch} as ${toHex(version)}`, epoch }));
}

/** When duties are due, at every fork that is planned; a value for one that is not planned means nothing yet. */
function timesOf(chain: ChainSpec): readonly string[] {
  const epochs = [0, ...forksOf(chain).map(({ epoch }) => epoch)];
  return epochs.flatMap((epoch) =>
    Object.entries(chain.dueBps).map(([kind, from]) => {
      const bps = from.find((one) => epoch >= one.epoch)?.bps;
      return `${kind} due at ${bps} basis points in epoch ${epoch}`;
    }),
  );
}

interface Schedule {
  readonly forks: readonly string[];
  readonly all: readonly string[];
}

function scheduleOf(chain: ChainSpec): Schedule {
  const forks = forksOf(chain).map(({ text }) => text);
  return { forks, all: [`${chain.slotsPerEpoch} slots in an epoch`, ...forks, ...timesOf(chain)] };
}

/** What `theirs` says that `ours` does not, and the other way round; undefined when they plan the same. */
function difference(
  ours: readonly string[],
  theirs: readonly string[],
): { readonly theirs: string; readonly ours: string } | undefined {
  const without = (list: readonly string[], other: readonly string[]): string =>
    list.filter((line) => !other.includes(line)).join(", ");
  const found = { theirs: without(theirs, ours), ours: without(ours, theirs) };
  return found.theirs === "" && found.ours === "" ? undefined : found;
}

/**
 * Nodes of one chain that plan other forks, one of them behind us or near: whichever was believed, the cluster's signatures
 * could be wrong from then on.
 *
 * @throws BeaconError `beacon/forks-differ`
 */
export function requireSameForks(
  named: readonly { readonly endpoint: Endpoint; readonly chain: ChainSpec }[],
  now: UnixMs,
): void {
  const near = (chain: ChainSpec): readonly string[] => {
    const until = epochOf(chain, slotAt(chain, now + FORK_NEAR_MS));
    return forksOf(chain).flatMap(({ text, epoch }) => (epoch <= until ? [text] : []));
  };
  const [first, ...others] = named;
  for (const other of others) {
    const apart = first && difference(near(first.chain), near(other.chain));
    if (first === undefined || apart === undefined) continue;
    throw new BeaconError("beacon/forks-differ", "learn the chain's forks", {
      facts: {
        found: [
          `${first.endpoint.name}: ${apart.ours || "nothing of it"}`,
          `${other.endpoint.name}: ${apart.theirs || "nothing of it"}`,
        ],
      },
      hint: "Upgrade the beacon node that does not know of the fork, or take it out of --beacon-node-endpoints.",
    });
  }
}

export interface ScheduleWatch {
  readonly endpoints: readonly Endpoint[];
  readonly chain: ChainSpec;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told once all nodes that answer plan the same forks, and these are not the ones that this node learned. */
  readonly onNewSchedule: () => void;
}

/** Compares what the nodes planned when they were last asked with what we learned at the start. */
export function compareSchedules({ endpoints, chain, log, onNewSchedule }: ScheduleWatch): void {
  const ours = scheduleOf(chain);
  const asked = endpoints.flatMap((endpoint) => {
    const { spec, health } = endpoint;
    return endpoint.chain === "ours" && health.reachable && spec !== undefined
      ? [{ endpoint, schedule: scheduleOf(spec) }]
      : [];
  });
  for (const { endpoint, schedule } of asked) {
    const apart = difference(ours.all, schedule.all);
    const differs = apart === undefined ? "" : `${apart.theirs} | ${apart.ours}`;
    if (differs !== endpoint.scheduleDiffers && apart !== undefined)
      log.error(
        "Beacon node plans other forks or times than this node learned at its start. Upgrade the beacon nodes that are behind; once all say the same, the node starts anew",
        { node: endpoint.name, itsPlan: apart.theirs, ours: apart.ours },
      );
    endpoint.scheduleDiffers = differs;
  }
  const [first] = asked;
  if (first === undefined) return;
  const allSay = (part: keyof Schedule): boolean =>
    difference(ours[part], first.schedule[part]) !== undefined &&
    asked.every(({ schedule }) => difference(first.schedule[part], schedule[part]) === undefined);
  // Kinds of nodes differ in the due times that they tell of, which must not keep us from a fork that all of them plan.
  if (allSay("forks") || allSay("all")) onNewSchedule();
}
