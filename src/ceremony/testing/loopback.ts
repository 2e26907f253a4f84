import { DvError } from "../../base/index.ts";
import type { Channel, Channels, MessageHandler, Transport } from "../../ports/index.ts";
import type { OperatorIndex } from "../../spec/index.ts";
import { Changes } from "../changes.ts";

class Unreachable extends DvError<"p2p/unreachable"> {}

/** One operator's place in the network; a new one after each restart. */
export interface LoopbackNode {
  readonly transport: Transport;
  readonly channels: Channels;
  /** Gone at once, with everything under way. */
  leave(): void;
}

/** A network in memory with the contract of `p2p`: messages, answers and channels; all of it may be watched, changed or dropped. */
export class LoopbackNetwork {
  readonly operatorCount: number;
  /** Sees each message; gives other bytes for it, or "drop". */
  intercept: (sent: {
    from: number;
    to: number;
    protocol: string;
    message: Uint8Array;
  }) => Uint8Array | "drop" | undefined = () => undefined;
  /** Sees each piece that goes through a channel, and whether it arrives. */
  passes: (sent: { from: number; to: number; bytes: Uint8Array }) => boolean = () => true;
  readonly #nodes = new Map<number, Node>();
  readonly #joined = new Changes();

  constructor(operatorCount: number) {
    this.operatorCount = operatorCount;
  }

  join(self: number): LoopbackNode {
    const node = new Node(
      self as OperatorIndex,
      this.operatorCount,
      (to) => this.#nodes.get(to),
      this.#joined,
      this,
    );
    this.#nodes.set(self, node);
    this.#joined.tell();
    return {
      transport: node.transport,
      channels: node.channels,
      leave: () => {
        if (this.#nodes.get(self) === node) this.#nodes.delete(self);
        node.end();
      },
    };
  }
}

type Wire = Pick<LoopbackNetwork, "intercept" | "passes">;

class Node {
  readonly transport: Transport;
  readonly channels: Channels;
  readonly handlers = new Map<string, MessageHandler>();
  readonly takers = new Map<string, (channel: Channel) => Promise<void>>();
  readonly open = new Set<Pipe>();
  #gone = false;

  constructor(
    self: OperatorIndex,
    operatorCount: number,
    find: (to: OperatorIndex) => Node | undefined,
    joined: Changes,
    wire: Wire,
  ) {
    const carry = async (
      to: OperatorIndex,
      protocol: string,
      message: Uint8Array,
    ): Promise<Uint8Array | undefined> => {
      await new Promise((resolve) => setImmediate(resolve));
      const other = find(to);
      if (other === undefined || this.#gone)
        throw new Unreachable("p2p/unreachable", "reach operator", { facts: { reason: "not-connected" } });
      const handler = other.handlers.get(protocol);
      if (handler === undefined)
        throw new Unreachable("p2p/unreachable", "reach operator", { facts: { reason: "protocol-unknown" } });
      const changed = wire.intercept({ from: self, to, protocol, message });
      if (changed === "drop") return undefined;
      return await handler(self, (changed ?? message).slice());
    };
    this.transport = {
      self,
      operatorCount,
      connected: () =>
        Array.from({ length: operatorCount }, (_, i) => i as OperatorIndex).filter(
          (to) => to !== self && find(to) !== undefined && !this.#gone,
        ),
      onBroken: () => {},
      send: async (to, protocol, message, signal) => {
        signal?.throwIfAborted();
        if (find(to) === undefined || this.#gone)
          throw new Unreachable("p2p/unreachable", "reach operator", { facts: { reason: "not-connected" } });
        void carry(to, protocol, message).catch(() => {});
      },
      request: async (to, protocol, message, signal) => {
        signal?.throwIfAborted();
        const answer = await carry(to, protocol, message);
        signal?.throwIfAborted();
        if (answer === undefined || find(to) === undefined)
          throw new Unreachable("p2p/unreachable", "reach operator", {
            facts: { reason: "connection-broke" },
          });
        return answer;
      },
      handle: (protocol, _limits, handler) => void this.handlers.set(protocol, handler),
    };
    const isThere = (to: OperatorIndex): true | undefined =>
      (find(to) !== undefined && !this.#gone) || undefined;
    this.channels = {
      untilConnected: async (to, signal) => void (await joined.until(() => isThere(to), signal)),
      open: async (to, protocol) => {
        await new Promise((resolve) => setImmediate(resolve));
        const other = find(to);
        if (other === undefined || this.#gone)
          throw new Unreachable("p2p/unreachable", "reach operator", { facts: { reason: "not-connected" } });
        const [near, far] = pipe(to, self, wire);
        this.open.add(near);
        other.open.add(far);
        const taker = other.takers.get(protocol);
        if (taker === undefined) near.close();
        else
          void taker(far)
            .catch(() => {})
            .finally(() => far.close());
        return near;
      },
      serve: (protocol, take) => void this.takers.set(protocol, take),
    };
  }

  end(): void {
    this.#gone = true;
    this.handlers.clear();
    for (const channel of this.open) channel.close();
  }
}

class Pipe implements Channel {
  readonly peer: OperatorIndex;
  other: Pipe | undefined;
  readonly #wire: Wire;
  readonly #arrived: Uint8Array[] = [];
  #wake: () => void = () => {};
  #ended = false;

  constructor(peer: OperatorIndex, wire: Wire) {
    this.peer = peer;
    this.#wire = wire;
  }

  send(bytes: Uint8Array): void {
    const { other, peer: to } = this;
    if (this.#ended || other === undefined) return;
    if (this.#wire.passes({ from: other.peer, to, bytes })) setImmediate(() => other.#take(bytes.slice()));
  }

  async read(signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#arrived.length === 0 && !this.#ended) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    signal.throwIfAborted();
    return this.#arrived.shift();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wake();
    const { other } = this;
    if (other !== undefined) setImmediate(() => other.close());
  }

  #take(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#arrived.push(bytes);
    this.#wake();
  }
}

function pipe(nearPeer: OperatorIndex, farPeer: OperatorIndex, wire: Wire): readonly [Pipe, Pipe] {
  const near = new Pipe(nearPeer, wire);
  const far = new Pipe(farPeer, wire);
  near.other = far;
  far.other = near;
  return [near, far];
}
