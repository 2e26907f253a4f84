import { OLDEST_CHARON_MINOR, type PeerStatus } from "../p2p/index.ts";
import type { Facts, Finding } from "./findings.ts";
import type { Participation } from "./participation.ts";

/** Clocks further apart than this cost rounds of consensus. */
const CLOCK_OFF_MS = 1_000;
/** Silence in fewer duties than this says nothing. */
const SILENT_DUTIES_MIN = 8;

/** What is to be said of the other operators. */
export function aboutPeers(facts: Facts): readonly Finding[] {
  const { peers, participation } = facts;
  return [
    ...aboutAbsent(facts),
    ...peers.flatMap((peer) => [
      ...aboutProgram(peer),
      ...aboutSilence(
        peer,
        participation.find(({ operator }) => operator === peer.operator),
      ),
    ]),
    ...aboutClocks(peers),
  ];
}

/** Those without whom the cluster can still sign; where it cannot, a reason not to be ready says so. */
function aboutAbsent({ peers, cluster }: Facts): readonly Finding[] {
  const away = peers.filter(({ connected }) => !connected);
  const spare = peers.length + 1 - away.length - cluster.threshold;
  if (away.length === 0 || spare < 0) return [];
  const one = away.length === 1;
  return [
    {
      level: "warning",
      what: `${nameAll(away)} ${one ? "is" : "are"} not connected. The cluster signs without ${one ? "it" : "them"}, and ${spare === 0 ? "no other operator may fail" : `${spare} more may fail`}.`,
      advice: `Ask whether ${one ? "its node runs" : "their nodes run"}.${lastAttempt(away)}`,
    },
  ];
}

function aboutProgram(peer: PeerStatus): readonly Finding[] {
  const found: Finding[] = [];
  if (peer.sameLock === false)
    found.push({
      level: "bad",
      what: `${nameOf(peer)} runs with another cluster lock.`,
      advice: "All operators need the same cluster-lock.json; compare its lock_hash.",
    });
  if (peer.supported === false)
    found.push({
      level: "warning",
      what: `${nameOf(peer)} runs Charon ${peer.version ?? ""}, which is too old for this program.`,
      advice: `Its operator should upgrade it, to v1.${OLDEST_CHARON_MINOR} or later.`,
    });
  if (peer.runsTwice)
    found.push({
      level: "warning",
      what: `${nameOf(peer)} runs twice: two programs speak with its key.`,
      advice:
        "Tell its operator to stop one of the two: together they are one faulty operator (docs/moving.md).",
    });
  return found;
}

function aboutSilence(peer: PeerStatus, part: Participation | undefined): readonly Finding[] {
  if (!peer.connected || part?.signed !== 0 || part.of < SILENT_DUTIES_MIN) return [];
  return [
    {
      level: "warning",
      what: `${nameOf(peer)} is connected and signs nothing: none of the last ${part.of} duties has its partial signature.`,
      advice:
        "Its operator should look at that node: key shares, validator client, beacon node; or it watches for a double.",
    },
  ];
}

/** What came of the last attempt to reach one of those who are away, as a sentence of its own. */
export function lastAttempt(peers: readonly PeerStatus[]): string {
  const [error] = peers.flatMap(({ connected, lastError }) => (connected ? [] : (lastError ?? [])));
  return error === undefined ? "" : ` The last attempt: ${error}`;
}

function aboutClocks(peers: readonly PeerStatus[]): readonly Finding[] {
  // An offset is known to half a round trip.
  const off = peers.filter(
    ({ clockOffsetMs, rttMs }) => Math.abs(clockOffsetMs ?? 0) > CLOCK_OFF_MS + (rttMs ?? 0),
  );
  if (off.length === 0) return [];
  const isOurs = off.length > 1 && off.length > peers.length / 2;
  return [
    {
      level: "warning",
      what: isOurs
        ? "This machine's clock differs from those of most operators."
        : `The clock of ${nameAll(off)} differs from ours by ${(Math.abs(off[0]?.clockOffsetMs ?? 0) / 1_000).toFixed(1)} s.`,
      advice: isOurs ? "Check NTP here." : "Its operator should check NTP there.",
    },
  ];
}

function nameOf({ operator, nickname }: PeerStatus): string {
  return `operator-${operator}${nickname === undefined || nickname === "" ? "" : ` (${nickname})`}`;
}

/** "operator-1 and operator-2 (dora)" */
export function nameAll(peers: readonly PeerStatus[]): string {
  const names = peers.map(nameOf);
  return names.length < 2 ? (names[0] ?? "nobody") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
