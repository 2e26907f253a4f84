import { once } from "node:events";
import { connect as connectTo, createServer, type Server, type Socket } from "node:net";

/**
 * A TCP proxy in front of a node that can hold back what the node answers, or what is said to it. It counts round trips by the
 * order of events, not by a stopwatch: what arrives while the answers are held needed none of them.
 */
export class HoldingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held: (() => void)[] = [];
  #holding: "answers" | "words" | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param port - Of the node on loopback. */
  static async before(port: number): Promise<HoldingProxy> {
    const server = createServer();
    const proxy = new HoldingProxy(server);
    server.on("connection", (near) => proxy.#join(near, connectTo(port, "127.0.0.1")));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  hold(): void {
    this.#holding = "answers";
  }

  /** Lets everything pass that comes from now on; what is held stays lost. */
  forward(): void {
    this.#holding = undefined;
  }

  /** Lets through every answer, those that are held too; but the node hears no word more. */
  holdWords(): void {
    this.#holding = "words";
    for (const pass of this.#held.splice(0)) pass();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    near.on("data", (bytes) => {
      if (this.#holding !== "words") far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (this.#holding === "answers") this.#held.push(() => near.write(bytes));
      else near.write(bytes);
    });
  }
}
