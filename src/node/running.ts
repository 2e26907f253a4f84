import { explain } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";

/** What was started, ended in the opposite order. A part that cannot be ended keeps no other from its end. */
export class Running {
  readonly #ends: (() => Promise<void> | void)[] = [];

  add(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  async end(log: Logger): Promise<void> {
    for (const end of this.#ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        log.debug("Could not stop a part in order", { why: explain(error) });
      }
    }
  }
}
