import { randomBytes, randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import { parseEnr } from "../../cluster/index.ts";
import { NodeKey } from "../../crypto/index.ts";
import {
  type Clock,
  type Labels,
  type Logger,
  type Meter,
  silent,
  type Transport,
} from "../../ports/index.ts";
import type { OperatorIndex } from "../../spec/index.ts";
import { createP2p } from "../create-p2p.ts";
import type { P2p, P2pOptions } from "../types.ts";
import { memoryAddressBook } from "./memory-address-book.ts";

/** The machine's clock, for tests over real sockets. */
const realClock: Clock = {
  now: () => Date.now(),
  at: (at, action) => {
    const timer = setTimeout(action, Math.max(0, at - Date.now()));
    return () => clearTimeout(timer);
  },
};

/** Remembers what was counted and set, and wakes those who wait for it. */
export class ObservedMeter implements Meter {
  readonly #values = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  counter(name: string): ReturnType<Meter["counter"]> {
    return { add: (by, labels) => this.#put(name, labels, (old) => old + by) };
  }
  gauge(name: string): ReturnType<Meter["gauge"]> {
    return { set: (value, labels) => this.#put(name, labels, () => value) };
  }
  histogram(name: string): ReturnType<Meter["histogram"]> {
    return { observe: (_, labels) => this.#put(`${name}_count`, labels, (old) => old + 1) };
  }

  /** Sum over all series of a metric that have these labels. */
  value(name: string, labels: Labels = {}): number {
    const wanted = Object.entries(labels).map(([key, value]) => JSON.stringify([key, value]));
    return [...this.#values]
      .filter(([key]) => key.startsWith(`${name} `) && wanted.every((label) => key.includes(label)))
      .reduce((sum, [, value]) => sum + value, 0);
  }

  /** Settles once the metric has reached a value. */
  async reached(name: string, labels: Labels, atLeast = 1): Promise<void> {
    while (this.value(name, labels) < atLeast)
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
  }

  #put(name: string, labels: Labels | undefined, change: (old: number) => number): void {
    const key = `${name} ${JSON.stringify(Object.entries(labels ?? {}))}`;
    this.#values.set(key, change(this.#values.get(key) ?? 0));
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

export const newKey = (): NodeKey => NodeKey.fromBytes(new Uint8Array(randomBytes(32)));

/**
 * An address of this machine that no other program listens on, and from which the system opens no connections: a port of it
 * that was given back is free until we take it again.
 */
export const keptHost: string = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;

export interface TestNode {
  readonly p2p: P2p;
  readonly meter: ObservedMeter;
  readonly operator: OperatorIndex;
}

/** A node of a test cluster on a loopback port; not started. */
export function testNode(
  keys: readonly NodeKey[],
  self: number,
  more: Partial<P2pOptions> & { readonly log?: Logger } = {},
): TestNode {
  const meter = new ObservedMeter();
  const p2p = createP2p({
    privateKey: (keys[self] as NodeKey).revealBytes(),
    operators: keys.map(({ publicKey }, index) => ({ index: index as OperatorIndex, publicKey })),
    self: self as OperatorIndex,
    lockHash: new Uint8Array(32).fill(7),
    listen: ["127.0.0.1:0"],
    nickname: `node${self}`,
    version: "v0.0.1",
    addressBook: memoryAddressBook(),
    clock: realClock,
    readEnr: parseEnr,
    log: silent,
    meter,
    ...more,
  });
  return { p2p, meter, operator: self as OperatorIndex };
}

/**
 * For the time of a test, time limits of these lengths never end: what must not have waited for one cannot have, and a machine
 * that is busy with other things cannot miss one.
 */
export function withoutLimits(t: TestContext, ...limitsMs: readonly number[]): void {
  const { setTimeout: start } = globalThis;
  const patient = (action: () => void, ms = 0): NodeJS.Timeout =>
    start(action, limitsMs.includes(ms) ? 2 ** 31 - 1 : ms);
  t.mock.method(globalThis, "setTimeout", patient as typeof setTimeout);
}

/** For the time of a test steady time stands still: rates give nothing new and windows do not end, however slow the machine is. */
export function holdSteadyTime(t: TestContext): void {
  const { now } = performance;
  const held = performance.now();
  performance.now = () => held; // A mock of the test runner would remember every call.
  t.after(() => void (performance.now = now));
}

/** Settles when something is so that no event tells of; it looks now and then, which leaves the processor to the others. */
export async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Settles when `from` counts `to` as connected. */
export async function connected(from: TestNode, to: TestNode): Promise<void> {
  await from.meter.reached("p2p_ping_success", { peer: `operator-${to.operator}` });
}

/** Two connected nodes; the first listens, the second knows where. Both are stopped at the end. */
export async function pair(
  prepare: { readonly a?: (transport: Transport) => void; readonly b?: (transport: Transport) => void },
  use: (a: TestNode, b: TestNode) => Promise<void>,
): Promise<void> {
  const keys = [newKey(), newKey()];
  const a = testNode(keys, 0);
  prepare.a?.(a.p2p.transport);
  await a.p2p.start();
  const b = testNode(keys, 1, { peers: a.p2p.listenAddresses() });
  prepare.b?.(b.p2p.transport);
  try {
    await b.p2p.start();
    await Promise.all([connected(a, b), connected(b, a)]);
    await use(a, b);
  } finally {
    await Promise.all([a.p2p.stop(), b.p2p.stop()]);
  }
}
