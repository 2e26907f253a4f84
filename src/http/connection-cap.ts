import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Keeps a server's connections to a number. When one too many comes, the one that has been idle longest goes, so that
 * whoever opens a thousand and says nothing keeps nobody out. When all are being served, it is the one of the address with the
 * most of them that has been served longest: who asks for much and reads it slowly does so at the cost of his like.
 */
export class ConnectionCap {
  /** Both in the order in which they became so. */
  readonly #idle = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#idle.size + this.#busy.size >= this.#max) {
      const [goes = longestServedOfMost(this.#busy)] = this.#idle;
      if (goes === undefined) return void socket.destroy();
      goes.destroy();
      for (const some of [this.#idle, this.#busy]) some.delete(goes);
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

function longestServedOfMost(busy: ReadonlySet<Socket>): Socket | undefined {
  const byAddress = [...Map.groupBy(busy, ({ remoteAddress }) => remoteAddress).values()];
  return byAddress.reduce((most, some) => (some.length > most.length ? some : most), [])[0];
}
