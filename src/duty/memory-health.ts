/**
 * How the slashing memory does, and with it whether anything can be signed. "unavailable": it could not record the last votes.
 * "doubted": a bug was found on the way to it, so that it may not know what was signed; that lasts until the node is started
 * again (docs/adr/0210).
 */
export type MemoryState = "well" | "unavailable" | "doubted";

export class MemoryHealth {
  #state: MemoryState = "well";

  get state(): MemoryState {
    return this.#state;
  }

  recorded(): void {
    if (this.#state === "unavailable") this.#state = "well";
  }

  failed(): void {
    if (this.#state === "well") this.#state = "unavailable";
  }

  doubt(): void {
    this.#state = "doubted";
  }
}
