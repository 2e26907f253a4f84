import { counted, DvError, explain, type Facts } from "../base/index.ts";
import type { BeaconNodeStatus } from "../beacon/index.ts";
import { OLDEST_CHARON_MINOR, type PeerStatus } from "../p2p/index.ts";
import { type ChainSpec, slotAt } from "../spec/index.ts";
import { systemClock } from "./clock.ts";
import type { RunConfig } from "./config.ts";
import { withBeaconNodes } from "./with-beacon-nodes.ts";

/** What was looked at, and how it is. `odd`: the node will run, and somebody should look. */
export interface Verdict {
  readonly name: string;
  readonly state: "good" | "odd" | "bad";
  /** Without a full stop. */
  readonly says: string;
  /** What to do. */
  readonly advice?: string;
}

const BEACON_PATIENCE_MS = 10_000;
/** Duties are sent within seconds, and take several answers. */
const SLOW_ANSWER_MS = 300;
const ANSWERS = 5;
/** Operators agree in several trips, within seconds. */
const FAR_MS = 500;
/** Clocks further apart cost rounds of consensus. */
const CLOCK_OFF_MS = 1_000;
/** Slots by which the newest block may be older than the clock says, in a chain that is well. */
const HEAD_BEHIND_SLOTS_MAX = 4;

/** One beacon node by itself. */
export async function testBeaconNode(
  endpoint: string,
  { beaconNodeTimeoutMs, beaconNodeHeaders }: Pick<RunConfig, "beaconNodeTimeoutMs" | "beaconNodeHeaders">,
  genesisForkVersion: Uint8Array,
): Promise<readonly Verdict[]> {
  try {
    return await withBeaconNodes(
      {
        endpoints: [endpoint],
        headers: beaconNodeHeaders,
        timeoutMs: beaconNodeTimeoutMs,
        genesisForkVersion,
        patienceMs: BEACON_PATIENCE_MS,
      },
      async (beacon, chain) => {
        const times: number[] = [];
        let headSlot: number | undefined;
        for (let i = 0; i < ANSWERS; i++) {
          const began = performance.now();
          headSlot = (
            await beacon.block("head", AbortSignal.timeout(BEACON_PATIENCE_MS)).catch(() => undefined)
          )?.slot;
          times.push(performance.now() - began);
        }
        const median = times.toSorted((a, b) => a - b)[ANSWERS >> 1] ?? 0;
        const [status] = beacon.status();
        return status === undefined
          ? []
          : judgeBeaconNode(status, { chain, headSlot, median, now: systemClock.now() });
      },
    );
  } catch (error) {
    const facts: Facts = error instanceof DvError ? error.facts : {};
    const hint = error instanceof DvError ? (error.hint ?? "") : "";
    const detail = [facts["nodes"] ?? facts["found"] ?? []].flat().join("; ");
    return [
      {
        name: "beacon node",
        state: "bad",
        says: detail === "" ? explain(error) : detail,
        advice: hint ?? "",
      },
    ];
  }
}

/** @param now - Unix milliseconds. */
export function judgeBeaconNode(
  status: BeaconNodeStatus,
  seen: {
    readonly chain: Pick<ChainSpec, "genesisTime" | "slotMs">;
    readonly headSlot: number | undefined;
    readonly median: number;
    readonly now: number;
  },
): readonly Verdict[] {
  const { node, version, syncDistance, executionOffline, optimistic, peers } = status;
  const name = "beacon node";
  const about = `${node}${version === "" ? "" : ` (${version})`}`;
  const verdict = (state: Verdict["state"], says: string, advice: string): readonly Verdict[] => [
    { name, state, says: `${about} ${says}`, advice },
  ];
  const late = seen.headSlot === undefined ? 0 : slotAt(seen.chain as ChainSpec, seen.now) - seen.headSlot;
  if (late < -1)
    return verdict(
      "bad",
      `has blocks of ${-late} slots from now`,
      "This machine's clock is behind: set it, and keep it right with NTP.",
    );
  if (syncDistance > 1)
    return verdict("bad", `is ${counted(syncDistance, "slot")} behind`, "Wait until it has caught up.");
  if (optimistic)
    return verdict(
      "bad",
      "has not verified the chain yet",
      "Its execution client is behind; wait until it has caught up.",
    );
  if (executionOffline)
    return verdict(
      "bad",
      "has no execution client",
      "Start the execution client, or correct the beacon node's address of it.",
    );
  if (late > HEAD_BEHIND_SLOTS_MAX)
    return verdict(
      "odd",
      `says that it is synced, and its newest block is ${late} slots old`,
      "Either this machine's clock is ahead, or the chain has stood still.",
    );
  if (peers === 0) return verdict("odd", "has no peers", "Check its connection to the network and its port.");
  if (seen.median > SLOW_ANSWER_MS)
    return verdict(
      "odd",
      `takes ${Math.round(seen.median)} ms to answer`,
      "Put it nearer, or add a second one.",
    );
  return [
    {
      name,
      state: "good",
      says: `${about} is synced, answers in ${seen.median.toFixed(1)} ms${peers === undefined ? "" : `, ${counted(peers, "peer")}`}`,
    },
  ];
}

/** How each operator was met, and whether enough were. */
export function judgePeers(peers: readonly PeerStatus[], threshold: number): readonly Verdict[] {
  const verdicts = peers.map((peer): Verdict => {
    const { operator, connected, path, rttMs, client, version, nickname, sameLock, supported, lastError } =
      peer;
    const name = `operator ${operator}`;
    if (!connected)
      return {
        name,
        state: "odd",
        says: `not reached${lastError === undefined ? "" : `: ${lastError}`}`,
        advice: "Is its node, or this test there, running? Are --p2p-peers and --p2p-relays right?",
      };
    if (sameLock === false)
      return {
        name,
        state: "bad",
        says: "runs with another cluster lock",
        advice: "All operators need the same cluster-lock.json; compare its lock_hash.",
      };
    if (supported === false)
      return {
        name,
        state: "bad",
        says: `runs Charon ${version ?? ""}, which is too old for this program`,
        advice: `Its operator should upgrade it, to v1.${OLDEST_CHARON_MINOR} or later.`,
      };
    const who = client === undefined ? "has not introduced itself" : `${client} ${version ?? ""}`;
    const far = rttMs === undefined ? "" : `, ${rttMs.toFixed(1)} ms away`;
    const named = nickname === undefined || nickname === "" ? "" : ` "${nickname}"`;
    if (path === "relayed")
      return {
        name,
        state: "odd",
        says: `${who}${named}, through a relay${far}`,
        advice: "Direct ways are quicker: open the port of one of the two.",
      };
    if ((rttMs ?? 0) > FAR_MS)
      return {
        name,
        state: "odd",
        says: `${who}${named}${far}`,
        advice:
          "That is far: its part in duties will often be late. Is one of the two machines busy, or its line?",
      };
    return { name, state: "good", says: `${who}${named}${far}` };
  });
  const met = peers.filter(({ connected, sameLock }) => connected && sameLock !== false).length + 1;
  const enough: Verdict =
    met >= threshold
      ? {
          name: "cluster",
          state: "good",
          says: `${met} of ${peers.length + 1} operators are here, and ${threshold} must sign`,
        }
      : {
          name: "cluster",
          state: "bad",
          says: `${met} of ${peers.length + 1} operators are here, and ${threshold} must sign`,
          advice: "The cluster does nothing until more of them are up.",
        };
  return [...verdicts, enough];
}

/** Our clock beside those of the operators that were met: whose is wrong is for the majority to say. */
export function judgeClock(peers: readonly PeerStatus[]): Verdict {
  const name = "clock";
  const told = peers.filter(({ clockOffsetMs }) => clockOffsetMs !== undefined);
  if (told.length === 0)
    return {
      name,
      state: "odd",
      says: "no operator told its time",
      advice: "Check NTP by yourself (timedatectl).",
    };
  // An offset is known to half a round trip.
  const off = told.filter(
    ({ clockOffsetMs = 0, rttMs = 0 }) => Math.abs(clockOffsetMs) > CLOCK_OFF_MS + rttMs,
  );
  const worst = Math.max(...told.map(({ clockOffsetMs = 0 }) => Math.abs(clockOffsetMs)));
  const within = `${(worst / 1_000).toFixed(1)} s`;
  if (off.length === 0) return { name, state: "good", says: `within ${within} of ${told.length} operators` };
  if (off.length > told.length / 2)
    return {
      name,
      state: "bad",
      says: `differs from those of most operators, by up to ${within}`,
      advice: "Set it, and keep it right with NTP (timedatectl set-ntp true).",
    };
  return {
    name,
    state: "odd",
    says: `that of operator ${off.map(({ operator }) => operator).join(", ")} differs from ours by ${within}`,
    advice: "Its operator should check NTP there.",
  };
}
