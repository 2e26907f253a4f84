import { type CeremonyProgress, describeChanges, renderCeremony } from "../ceremony/index.ts";

const FRAME_MS = 250;
const PLAIN_LINE_MS = 500;
const REMINDER_MS = 30_000;

/** Where a view is drawn. */
export interface Terminal {
  readonly write: (text: string) => void;
  /** Undefined when it is no terminal: then plain lines are written. */
  readonly columns: number | undefined;
}

/**
 * Shows a ceremony while it runs: a view that is redrawn in its place on a terminal, lines elsewhere.
 *
 * @returns Ends it, with the last state left on the screen.
 */
export function showCeremony(progress: () => CeremonyProgress, terminal: Terminal): () => void {
  return terminal.columns === undefined ? showLines(progress, terminal) : showLive(progress, terminal);
}

function showLive(progress: () => CeremonyProgress, { write, columns = 100 }: Terminal): () => void {
  let height = 0;
  const draw = (): void => {
    const lines = renderCeremony(progress(), { columns, color: true });
    const up = height === 0 ? "" : `\u001b[${height}A`;
    write(`${up}\r${lines.map((line) => `${line}\u001b[K`).join("\n")}\n\u001b[J`);
    height = lines.length;
  };
  draw();
  const timer = setInterval(draw, FRAME_MS);
  return () => {
    clearInterval(timer);
    draw();
  };
}

function showLines(progress: () => CeremonyProgress, { write }: Terminal): () => void {
  let before: CeremonyProgress | undefined;
  let remindedAt = performance.now();
  const look = (): void => {
    const now = progress();
    const reminder = performance.now() - remindedAt >= REMINDER_MS;
    if (reminder) remindedAt = performance.now();
    for (const line of describeChanges(before, now, { reminder })) write(`${line}\n`);
    before = now;
  };
  look();
  const timer = setInterval(look, PLAIN_LINE_MS);
  return () => {
    clearInterval(timer);
    look();
  };
}
