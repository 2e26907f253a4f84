import { clip, counted, printable, styled } from "../base/index.ts";
import { type CeremonyProgress, type PeerProgress, parts } from "./progress.ts";

type Style = (text: string) => string;
const plain: Style = (text) => text;
interface Palette {
  readonly bold: Style;
  readonly dim: Style;
  readonly good: Style;
  readonly bad: Style;
  readonly busy: Style;
}
const colours: Palette = {
  bold: styled("1"),
  dim: styled("2"),
  good: styled("32"),
  bad: styled("31"),
  busy: styled("33"),
};
const noColours: Palette = { bold: plain, dim: plain, good: plain, bad: plain, busy: plain };

/** The live view, line by line. */
export function renderCeremony(
  shown: CeremonyProgress,
  { columns, color }: { readonly columns: number; readonly color: boolean },
): readonly string[] {
  const progress = harmless(shown);
  const paint = color ? colours : noColours;
  const { clusterName, validators, threshold, peers, self } = progress;
  const name = clusterName === "" ? "a cluster" : `"${clusterName}"`;
  return [
    ` ${paint.bold("Key ceremony")} for ${name}: ${counted(validators, "validator")}`,
    ` You are operator ${self} of ${peers.length + 1}, any ${threshold} of whom sign.`,
    "",
    ...parts.map((part) => `  ${partLine(part.name, progress, paint)}`),
    "",
    ...peerLines(progress, paint),
    "",
    `  ${paint.dim(footer(progress))}`,
  ].map((line) => clip(line, columns));
}

/** With what others wrote as a terminal may show it. */
function harmless(progress: CeremonyProgress): CeremonyProgress {
  const clean = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : printable(text);
  return {
    ...progress,
    clusterName: printable(progress.clusterName),
    peers: progress.peers.map((peer) => ({
      ...peer,
      nickname: printable(peer.nickname),
      program: clean(peer.program),
      trouble: clean(peer.trouble),
      waitingFor: clean(peer.waitingFor),
    })),
  };
}

function partLine(name: (typeof parts)[number]["name"], progress: CeremonyProgress, paint: Palette): string {
  const at = parts.findIndex((part) => part.name === name);
  const now = parts.findIndex((part) => part.name === progress.part);
  const title = parts[at]?.title ?? "";
  if (at < now || progress.outcome === "complete") return paint.good(`✔ ${title}`);
  if (at > now) return paint.dim(`· ${title}`);
  const counts = name === "keys" || name === "storing";
  const keys = counts ? `  ${progress.keysDone} of ${progress.keysWanted}` : "";
  const mark = progress.outcome === "failed" ? paint.bad("✘") : paint.busy("▸");
  return `${mark} ${paint.bold(title)}${keys}  ${paint.dim(lasting(progress.now - progress.partSince))}`;
}

function footer({ now, startedAt, outcome }: CeremonyProgress): string {
  const time = lasting(now - startedAt);
  return outcome === undefined
    ? `${time} so far. Ctrl-C stops this node; the same command goes on.`
    : `It took ${time}.`;
}

/** As narrow as names and programs allow, with the time of a wait before what is awaited: 80 columns show what matters. */
function peerLines({ peers, outcome, now }: CeremonyProgress, paint: Palette): readonly string[] {
  // Who is done leaves, which is no trouble.
  if (outcome === "complete") return peers.map((peer) => `  ${paint.good("✔")} ${nameOf(peer)}`);
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(({ length }) => length));
  const nameWidth = widest(peers.map(nameOf));
  const programWidth = widest(peers.map(programOf));
  return peers.flatMap((peer) => {
    const { connected, trouble, waitingFor, waitingSince = now } = peer;
    const dot = connected ? paint.good("●") : paint.bad("○");
    const program = paint.dim(programOf(peer).padEnd(programWidth));
    const wait =
      waitingFor === undefined
        ? ""
        : `  ${paint.busy(`waited for ${lasting(now - waitingSince)} ${waitingFor}`)}`;
    return [
      `  ${dot} ${nameOf(peer).padEnd(nameWidth)}  ${program}${wait}`,
      ...(trouble === undefined ? [] : [`    ${paint.bad(trouble)}`]),
    ];
  });
}

const nameOf = ({ operator, nickname }: PeerProgress): string =>
  `operator ${operator}${nickname === "" ? "" : ` (${nickname})`}`;

const programOf = ({ program, connected, path }: PeerProgress): string =>
  `${program ?? (connected ? "…" : "not connected")}${path === "relayed" ? ", relayed" : ""}`;

/** Lines for a log instead of a live view: what has changed since `before`, and now and then who is still waited for. */
export function describeChanges(
  earlierSeen: CeremonyProgress | undefined,
  nowSeen: CeremonyProgress,
  { reminder }: { readonly reminder: boolean },
): readonly string[] {
  const before = earlierSeen === undefined ? undefined : harmless(earlierSeen);
  const now = harmless(nowSeen);
  const lines: string[] = [];
  if (before?.part !== now.part) lines.push(`${parts.find(({ name }) => name === now.part)?.title ?? ""} …`);
  else if (tenths(before) !== tenths(now) && now.keysDone > 0)
    lines.push(`  ${now.keysDone} of ${now.keysWanted} keys`);
  for (const peer of now.peers) {
    const earlier = before?.peers.find(({ operator }) => operator === peer.operator);
    const who = `operator ${peer.operator}`;
    if (peer.connected && earlier?.connected !== true)
      lines.push(`  ${who} is connected${peer.program === undefined ? "" : ` (${peer.program})`}`);
    if (!peer.connected && earlier?.connected === true) lines.push(`  ${who} is gone`);
    if (peer.trouble !== undefined && peer.trouble !== earlier?.trouble && peer.connected)
      lines.push(`  ${who}: ${peer.trouble}`);
    const waitMs = peer.waitingSince === undefined ? 0 : now.now - peer.waitingSince;
    if (reminder && peer.waitingFor !== undefined && waitMs > NOTICEABLE_MS)
      lines.push(
        `  waiting for ${who} ${peer.waitingFor} since ${lasting(waitMs)}${peer.connected ? "" : `; it is not connected${peer.trouble === undefined ? "" : `: ${peer.trouble}`}`}`,
      );
  }
  return lines;
}

/** Shorter waits are not worth a line. */
const NOTICEABLE_MS = 5_000;

const tenths = ({ keysDone, keysWanted }: CeremonyProgress): number =>
  Math.floor((10 * keysDone) / Math.max(1, keysWanted));

/** "42 s", "3 min 5 s", "2 h 10 min". */
export function lasting(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
