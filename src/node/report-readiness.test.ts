import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, type Logger, silent } from "../ports/index.ts";
import type { NotReady } from "../telemetry/index.ts";
import { type Reason, reportReadiness } from "./report-readiness.ts";

/** A node whose reasons are set, looked at second by second. */
function world(): {
  readonly lines: string[];
  reasons: readonly NotReady[];
  pass(seconds: number): void;
  end(): void;
} {
  const lines: string[] = [];
  let [now, next]: [number, (() => void) | undefined] = [0, undefined];
  const clock: Clock = {
    now: () => now,
    at(_, action) {
      next = action;
      return () => {
        next = undefined;
      };
    },
  };
  const log: Logger = {
    ...silent,
    info: (sentence) => void lines.push(sentence),
    warn: (sentence, facts) => void lines.push(`${sentence}: ${String(facts?.["why"])}`),
  };
  const node = {
    lines,
    reasons: ["quorum peers not connected"] as readonly NotReady[],
    pass(seconds: number) {
      for (let i = 0; i < seconds; i++) {
        now += 1_000;
        next?.();
      }
    },
    end: () => {},
  };
  const look = (): readonly Reason[] =>
    node.reasons.map((reason) => ({ reason, what: `for ${reason}`, advice: "" }));
  node.end = reportReadiness({ clock, log }, look);
  return node;
}
const READY = "Ready: this node does its duties";
const NOT_READY = "Not ready: this node misses duties, or may";

test("a node that finds its peers within seconds says only that it is ready, and says it once", () => {
  const node = world();
  node.pass(3);
  node.reasons = [];
  node.pass(20);
  assert.deepEqual(node.lines, [READY]);
});

test("why it is not ready any more is told once, when it has stood for five seconds", () => {
  const node = world();
  node.reasons = [];
  node.pass(1);
  node.reasons = ["beacon node down", "quorum peers not connected"];
  node.pass(5);
  assert.deepEqual(node.lines, [READY]);
  node.pass(20);
  node.reasons = [];
  node.pass(1);
  assert.deepEqual(node.lines, [READY, `${NOT_READY}: for beacon node down`, READY]);
});

test("what begins and ends with lines of its own is not told again", () => {
  const node = world();
  node.reasons = ["watching for a double"];
  node.pass(20);
  assert.deepEqual(node.lines, []);
  node.reasons = ["stopping", "quorum peers not connected"];
  node.end();
  node.pass(20);
  assert.deepEqual(node.lines, []);
});
