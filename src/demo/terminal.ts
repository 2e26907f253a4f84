import type { ReadStream, WriteStream } from "node:tty";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** A full-screen view: draws frames, reads single keys, and leaves the terminal as it was, however the program ends. */
export class Screen {
  readonly #out: WriteStream;
  readonly #in: ReadStream;
  #open = false;
  readonly #leave = (): void => this.close();

  constructor(out: WriteStream, input: ReadStream) {
    this.#out = out;
    this.#in = input;
  }

  open(onKey: (key: string) => void): void {
    this.#open = true;
    this.#out.write(ENTER);
    if (this.#in.isTTY) {
      this.#in.setRawMode(true);
      this.#in.setEncoding("utf8");
      this.#in.on("data", (keys: string) => {
        for (const key of keys) onKey(key);
      });
      this.#in.resume();
    }
    process.once("exit", this.#leave);
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#out.columns || 100, rows: this.#out.rows || 30 };
  }

  /** Draws over the last frame without clearing first, so that nothing flickers. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    this.#out.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\n")}\u001b[J`);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.removeListener("exit", this.#leave);
    if (this.#in.isTTY) this.#in.setRawMode(false);
    this.#in.pause();
    this.#out.write(LEAVE);
  }
}
