import { clip, printable, styled, width } from "../base/index.ts";

/** What the live view shows, as data; `render` turns it into lines. */
export interface DemoView {
  readonly operators: readonly OperatorView[];
  readonly threshold: number;
  readonly validatorCount: number;
  readonly slotMs: number;
  readonly slotsPerEpoch: number;
  /** Negative before genesis. */
  readonly slot: number;
  /** Milliseconds since the slot began. */
  readonly intoSlotMs: number;
  /** Duties, newest first. */
  readonly duties: readonly DutyView[];
  readonly totals: {
    readonly assigned: number;
    readonly onTime: number;
    readonly late: number;
    readonly missed: number;
    readonly slashable: number;
  };
  /** Epochs to run; undefined: until somebody quits. */
  readonly epochs: number | undefined;
  readonly note: string;
}

export interface OperatorView {
  readonly name: string;
  /** Where its dashboard is. */
  readonly dashboard: string;
  /** `silent`: it answered before and does not now, as a process that gets no processor. */
  readonly state: "starting" | "up" | "silent" | "stopping" | "down";
  /** Duties whose agreement this operator led. */
  readonly led: number;
  /** Duties that this operator signed, of those that the cluster had while the operator was part of the run. */
  readonly signed: number;
  readonly due: number;
  readonly cpuPercent: number | undefined;
  readonly memoryMb: number | undefined;
}

export interface DutyView {
  readonly slot: number;
  readonly kind: string;
  readonly validators: number;
  readonly leader: number | undefined;
  readonly round: number | undefined;
  /** Operators whose partial signature was seen. */
  readonly signers: ReadonlySet<number>;
  /** Milliseconds from the duty's due time to its broadcast. */
  readonly broadcastAfterMs: number | undefined;
  readonly state: "waiting" | "agreed" | "broadcast" | "on chain" | "late" | "missed";
  readonly cause: string | undefined;
}

const bold = styled("1");
const dim = styled("2");
const red = styled("31");
const green = styled("32");
const yellow = styled("33");
const blue = styled("34");
const cyan = styled("36");
// One colour per operator, so that a glance at the dots tells who signed.
const palette = ["36", "35", "33", "34", "32", "91", "96", "95", "93", "94"].map(styled);
const colourOf = (operator: number): ((text: string) => string) => palette[operator % palette.length] ?? cyan;

const left = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)));
const right = (text: string, columns: number): string =>
  " ".repeat(Math.max(0, columns - width(text))) + text;

/** The whole screen, one string per line, none wider than `columns`, at most `rows` of them. */
export function render(view: DemoView, size: { readonly columns: number; readonly rows: number }): string[] {
  const head = [heading(view), "", slotLine(view, size.columns), ""];
  const operators = [...table(operatorColumns(), view.operators, size.columns), ""];
  const foot = ["", totalsLine(view), dim(view.note)];
  const room = Math.max(1, size.rows - head.length - operators.length - foot.length - 2);
  const duties = table(dutyColumns(view), view.duties.slice(0, room), size.columns);
  return [...head, ...operators, ...duties, ...foot]
    .map((line) => clip(line, size.columns))
    .slice(0, size.rows);
}

function heading(view: DemoView): string {
  const count = view.operators.length;
  const up = view.operators.filter((operator) => operator.state === "up").length;
  const health =
    up >= view.threshold
      ? `${green(`${up} of ${count}`)} operators up, any ${view.threshold} sign`
      : red(`${up} of ${count} operators up, ${view.threshold} needed`);
  return ` ${bold(cyan("Trireme"))}  ${view.validatorCount} validators · ${health} · simulated chain`;
}

function slotLine(view: DemoView, columns: number): string {
  if (view.slot < 0)
    return ` ${bold("starting")}  the first slot begins in ${Math.ceil((-view.slot * view.slotMs - view.intoSlotMs) / 1000)} s`;
  const cells = columns < WIDE ? 12 : 24;
  const filled = Math.min(cells, Math.floor((view.intoSlotMs / view.slotMs) * cells));
  const epoch = Math.floor(view.slot / view.slotsPerEpoch);
  const end = view.epochs === undefined ? "" : dim(`; ends after epoch ${view.epochs - 1}`);
  return ` ${bold(`slot ${view.slot}`)}  ${blue("━".repeat(filled))}${dim("━".repeat(cells - filled))}  epoch ${epoch}, slot ${(view.slot % view.slotsPerEpoch) + 1} of ${view.slotsPerEpoch}, ${view.slotMs / 1000} s each${end}`;
}

/** From so many columns on there is room for everything. */
const WIDE = 100;

interface Column<Row> {
  readonly title: string;
  readonly width: number;
  readonly isRight?: boolean;
  /** Left out where there is no room; the one with the largest number first. */
  readonly canGo?: number;
  readonly cell: (row: Row, index: number) => string;
}

/** A line of titles and one for each row; columns that can go make room for the others. */
function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], room: number): string[] {
  let shown = columns;
  const isTooWide = (): boolean => shown.reduce((sum, { width: one }) => sum + one, 2) > room;
  for (const goes of columns.filter((c) => c.canGo).toSorted((a, b) => (b.canGo ?? 0) - (a.canGo ?? 0)))
    if (isTooWide()) shown = shown.filter((one) => one !== goes);
  const line = (cell: (column: Column<Row>) => string): string =>
    `  ${shown.map((column) => (column.isRight === true ? right : left)(cell(column), column.width)).join("")}`;
  return [dim(line(({ title }) => title)), ...rows.map((row, i) => line(({ cell }) => cell(row, i)))];
}

function operatorColumns(): readonly Column<OperatorView>[] {
  const none = dim("–");
  return [
    { title: "operator", width: 12, cell: nameOf },
    { title: "dashboard", width: 24, cell: ({ dashboard }) => dim(dashboard) },
    { title: "state", width: 10, cell: stateOf },
    { title: "led", width: 5, isRight: true, cell: ({ led }) => String(led) },
    { title: "signed", width: 11, isRight: true, cell: ({ signed, due }) => `${signed}/${due}` },
    {
      title: "effectiveness",
      width: 15,
      isRight: true,
      canGo: 1,
      cell: ({ signed, due }) => (due === 0 ? none : percent(signed / due)),
    },
    {
      title: "cpu",
      width: 6,
      isRight: true,
      cell: ({ cpuPercent }) => (cpuPercent === undefined ? none : `${cpuPercent.toFixed(0)} %`),
    },
    {
      title: "memory",
      width: 9,
      isRight: true,
      cell: ({ memoryMb }) => (memoryMb === undefined ? none : `${memoryMb.toFixed(0)} MB`),
    },
  ];
}

function nameOf({ state, name }: OperatorView, index: number): string {
  const dot = state === "up" ? colourOf(index)("●") : state === "down" ? red("○") : yellow("◌");
  return `${dot} ${index + 1} ${name}`;
}

function stateOf({ state }: OperatorView): string {
  return {
    up: green("up"),
    down: red("stopped"),
    silent: yellow("no answer"),
    starting: yellow("starting"),
    stopping: yellow("stopping"),
  }[state];
}

function percent(share: number): string {
  const text = `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
  return share >= 0.99 ? green(text) : share >= 0.9 ? yellow(text) : red(text);
}

function dutyColumns({ operators }: DemoView): readonly Column<DutyView>[] {
  const none = dim("–");
  return [
    { title: "slot", width: 7, cell: ({ slot }) => String(slot) },
    { title: "duty", width: 18, cell: ({ kind }) => kind },
    {
      title: "validators",
      width: 13,
      canGo: 3,
      cell: ({ validators }) => `${right(String(validators), 10)}   `,
    },
    {
      title: "leader",
      width: 8,
      canGo: 1,
      cell: ({ leader }) => (leader === undefined ? none : colourOf(leader)(operators[leader]?.name ?? "")),
    },
    {
      title: "round",
      width: 7,
      canGo: 2,
      cell: ({ round }) => (round === undefined ? none : round === 1 ? "1" : yellow(String(round))),
    },
    {
      title: "signed by",
      width: Math.max(11, 2 * operators.length + 2),
      cell: ({ signers }) =>
        operators.map((_, index) => (signers.has(index) ? colourOf(index)("●") : dim("·"))).join(" "),
    },
    {
      title: "after due   ",
      width: 13,
      isRight: true,
      cell: ({ broadcastAfterMs: ms }) =>
        `${ms === undefined ? none : `${ms >= 0 ? "+" : "−"}${Math.abs(ms).toFixed(0)} ms`}   `,
    },
    { title: "outcome", width: 10, cell: outcome },
  ];
}

function outcome(duty: DutyView): string {
  switch (duty.state) {
    case "waiting":
      return dim("agreeing …");
    case "agreed":
      return dim("signing …");
    case "broadcast":
      return cyan("sent");
    case "on chain":
      return green("✔ on chain");
    case "late":
      return yellow("late");
    case "missed":
      return red(`✘ ${duty.cause === undefined ? "missed" : printable(duty.cause)}`);
  }
}

function totalsLine({ totals }: DemoView): string {
  const judged = totals.onTime + totals.late + totals.missed;
  const done = judged === 0 ? "no duty judged yet" : `${bold(`${totals.onTime}/${judged}`)} duties on time`;
  const late = totals.late === 0 ? dim("0 late") : yellow(`${totals.late} late`);
  const missed = totals.missed === 0 ? dim("0 missed") : red(`${totals.missed} missed`);
  const slashable =
    totals.slashable === 0 ? green("nothing slashable") : red(bold(`${totals.slashable} SLASHABLE`));
  return ` ${done} · ${late} · ${missed} · ${slashable}`;
}
