import { assert } from "../base/index.ts";
import type { Labels } from "../ports/index.ts";

/**
 * A gauge whose lines are ready but for their values. prom-client puts every label of every series together anew for each
 * page; with a series per validator (3,000 of them) that held the event loop for 70 ms at every scrape.
 */
export class GaugeSeries {
  readonly #name: string;
  readonly #head: string;
  readonly #labelNames: readonly string[];
  readonly #shared: Labels;
  /** By the labels of one series, written out. */
  readonly #values = new Map<string, number>();

  constructor(options: {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly string[];
    /** On every series, after its own. */
    readonly shared: Labels;
  }) {
    this.#name = options.name;
    this.#head = `# HELP ${options.name} ${escaped(options.help, /[\\\n]/g)}\n# TYPE ${options.name} gauge`;
    this.#labelNames = options.labelNames;
    this.#shared = options.shared;
    if (options.labelNames.length === 0) this.set(0, {});
  }

  set(value: number, labels: Labels): void {
    for (const name of Object.keys(labels))
      assert(this.#labelNames.includes(name), `label ${name} is declared`);
    const all = Object.entries({ ...labels, ...this.#shared, ...labels });
    const text = all.map(([name, of]) => `${name}="${escaped(of, /[\\\n"]/g)}"`).join();
    this.#values.set(text === "" ? this.#name : `${this.#name}{${text}}`, value);
  }

  /** In Prometheus' text format, without an end of line. */
  text(): string {
    return [this.#head, ...[...this.#values].map(([series, value]) => `${series} ${value}`)].join("\n");
  }
}

function escaped(text: string, what: RegExp): string {
  return text.replaceAll(what, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}
