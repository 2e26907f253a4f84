import { printable } from "../base/index.ts";

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
  readonly state: "starting" | "up" | "stopping" | "down";
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

const ESC = "\u001b[";
const style =
  (code: string) =>
  (text: string): string =>
    `${ESC}${code}m${text}${ESC}0m`;
const bold = style("1");
const dim = style("2");
const red = style("31");
const green = style("32");
const yellow = style("33");
const blue = style("34");
const cyan = style("36");
// One colour per operator, so that a glance at the dots tells who signed.
const palette = ["36", "35", "33", "34", "32", "91", "96", "95", "93", "94"].map(style);
const colourOf = (operator: number): ((text: string) => string) => palette[operator % palette.length] ?? cyan;

/** Length on screen: colour codes take no room. */
export function width(text: string): number {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/\u001b\[[0-9;]*m/g, "").length;
}

const left = (text: string, columns: number): string => text + " ".repeat(Math.max(0, columns - width(text)));
const right = (text: string, columns: number): string =>
  " ".repeat(Math.max(0, columns - width(text))) + text;

/** The whole screen, one string per line, none wider than `columns`, at most `rows` of them. */
export function render(view: DemoView, size: { readonly columns: number; readonly rows: number }): string[] {
  const head = [heading(view), "", slotLine(view), ""];
  const operators = [
    dim(
      `  ${left("operator and its dashboard", 34)}${left("state", 11)}${right("led", 6)}${right("signed", 12)}${right("effectiveness", 15)}${right("cpu", 8)}${right("memory", 10)}`,
    ),
    ...view.operators.map(operatorLine),
    "",
  ];
  const foot = ["", totalsLine(view), dim(view.note)];
  const room = Math.max(1, size.rows - head.length - operators.length - foot.length - 2);
  const duties = [
    dim(
      `  ${left("slot", 8)}${left("duty", 20)}${right("validators", 10)}   ${left("leader", 9)}${left("round", 8)}${left("signed by", 2 * view.operators.length + 10)}${right("sent after due", 14)}   outcome`,
    ),
    ...view.duties.slice(0, room).map((duty) => dutyLine(view, duty)),
  ];
  return [...head, ...operators, ...duties, ...foot]
    .map((line) => clip(line, size.columns))
    .slice(0, size.rows);
}

function heading(view: DemoView): string {
  const up = view.operators.filter((operator) => operator.state === "up").length;
  const health = up >= view.threshold ? green(`${up} up`) : red(`${up} up, ${view.threshold} needed`);
  return ` ${bold(cyan("Trireme"))}  ${view.validatorCount} validators · ${view.operators.length} operators, ${health}, any ${view.threshold} sign · simulated chain, ${view.slotMs / 1000} s slots`;
}

function slotLine(view: DemoView): string {
  if (view.slot < 0)
    return ` ${bold("starting")}  the first slot begins in ${Math.ceil((-view.slot * view.slotMs - view.intoSlotMs) / 1000)} s`;
  const cells = 24;
  const filled = Math.min(cells, Math.floor((view.intoSlotMs / view.slotMs) * cells));
  const epoch = Math.floor(view.slot / view.slotsPerEpoch);
  const ofEpochs = view.epochs === undefined ? "" : dim(` of ${view.epochs}`);
  return ` ${bold(`slot ${view.slot}`)}  ${blue("━".repeat(filled))}${dim("━".repeat(cells - filled))}  epoch ${epoch + 1}${ofEpochs}, slot ${(view.slot % view.slotsPerEpoch) + 1} of ${view.slotsPerEpoch}`;
}

function operatorLine(operator: OperatorView, index: number): string {
  const dot =
    operator.state === "up" ? colourOf(index)("●") : operator.state === "down" ? red("○") : yellow("◌");
  const state = {
    up: green("up"),
    down: red("stopped"),
    starting: yellow("starting"),
    stopping: yellow("stopping"),
  }[operator.state];
  const effectiveness = operator.due === 0 ? dim("–") : percent(operator.signed / operator.due);
  const cpu = operator.cpuPercent === undefined ? dim("–") : `${operator.cpuPercent.toFixed(0)} %`;
  const memory = operator.memoryMb === undefined ? dim("–") : `${operator.memoryMb.toFixed(0)} MB`;
  return `  ${dot} ${left(`${index + 1} ${operator.name} ${dim(operator.dashboard)}`, 32)}${left(state, 11)}${right(String(operator.led), 6)}${right(`${operator.signed}/${operator.due}`, 12)}${right(effectiveness, 15)}${right(cpu, 8)}${right(memory, 10)}`;
}

function percent(share: number): string {
  const text = `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
  return share >= 0.99 ? green(text) : share >= 0.9 ? yellow(text) : red(text);
}

function dutyLine(view: DemoView, duty: DutyView): string {
  const dots = view.operators
    .map((_, index) => (duty.signers.has(index) ? colourOf(index)("●") : dim("·")))
    .join(" ");
  const leader = duty.leader === undefined ? dim("–") : colourOf(duty.leader)(`op ${duty.leader + 1}`);
  const round = duty.round === undefined ? dim("–") : duty.round === 1 ? "1" : yellow(String(duty.round));
  const after =
    duty.broadcastAfterMs === undefined
      ? dim("–")
      : `${duty.broadcastAfterMs >= 0 ? "+" : "−"}${Math.abs(duty.broadcastAfterMs).toFixed(0)} ms`;
  return `  ${left(String(duty.slot), 8)}${left(duty.kind, 20)}${right(String(duty.validators), 10)}   ${left(leader, 9)}${left(round, 8)}${left(dots, 2 * view.operators.length + 10)}${right(after, 14)}   ${outcome(duty)}`;
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
      return red(`✘ missed${duty.cause === undefined ? "" : `: ${printable(duty.cause)}`}`);
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

/** Cuts a coloured line to `columns` without cutting into a colour code. */
function clip(line: string, columns: number): string {
  if (width(line) <= columns) return line;
  let seen = 0;
  let out = "";
  for (let i = 0; i < line.length && seen < columns - 1; i++) {
    if (line[i] === "\u001b") {
      const end = line.indexOf("m", i);
      out += line.slice(i, end + 1);
      i = end;
    } else {
      out += line[i];
      seen++;
    }
  }
  return `${out}…${ESC}0m`;
}
