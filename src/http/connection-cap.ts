import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Keeps a server's connections to a number. When one too many comes, the one that has been idle longest goes, so that
 * whoever opens a thousand and says nothing keeps nobody out. Only when all are being served is the new one refused.
 */
export class ConnectionCap {
  /** In the order in which they became idle. */
  readonly #idle = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#idle.size + this.#busy.size >= this.#max) {
      const [longestIdle] = this.#idle;
      (longestIdle ?? socket).destroy();
      if (longestIdle === undefined) return;
      this.#idle.delete(longestIdle);
    }
    this.#idle.add(socket);
    socket.once("close", () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
  }

  /** The connection has a request until its answer is sent. */
  busy(socket: Socket, response: ServerResponse): void {
    if (!this.#idle.delete(socket)) return;
    this.#busy.add(socket);
    response.once("close", () => {
      if (this.#busy.delete(socket) && !socket.destroyed) this.#idle.add(socket);
    });
  }

  destroyAll(): void {
    for (const socket of [...this.#idle, ...this.#busy]) socket.destroy();
  }
}
