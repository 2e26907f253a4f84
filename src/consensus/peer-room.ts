import { VALUE_BYTES_OF_ALL_DUTIES_MAX } from "./limits.ts";

/** How many bytes of values each peer makes us read and keep, over all duties that are alive. */
export class PeerRoom {
  readonly #bytes = new Map<number, number>();

  /** @returns false when there is no room left; nothing was taken. */
  take(peer: number, bytes: number): boolean {
    const taken = (this.#bytes.get(peer) ?? 0) + bytes;
    if (taken > VALUE_BYTES_OF_ALL_DUTIES_MAX) return false;
    this.#bytes.set(peer, taken);
    return true;
  }

  giveBack(peer: number, bytes: number): void {
    this.#bytes.set(peer, (this.#bytes.get(peer) ?? 0) - bytes);
  }
}
