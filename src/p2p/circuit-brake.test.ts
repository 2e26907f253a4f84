import assert from "node:assert/strict";
import { test } from "node:test";
import type { Stream } from "@libp2p/interface";
import { CircuitBrake } from "./circuit-brake.ts";
import {
  CIRCUIT_BACKLOG_BYTES_MAX,
  CIRCUIT_BACKLOGS_BYTES_MAX,
  RELAY_STREAM_WINDOW_BYTES_MAX,
} from "./limits.ts";

/** A stream at a relay, whose reader reads when told to. */
class End extends EventTarget {
  readStatus = "readable";
  /** Whether its sender is given leave to send more. */
  isWindowOpen = true;
  writeBufferLength = 0;
  status = "open";
  /** What came while it was paused. */
  held = 0;
  pause(): void {
    this.readStatus = "paused";
    this.isWindowOpen = false;
  }
  /** In libp2p's order. */
  resume(): void {
    this.readStatus = "readable";
    if (this.held > 0) this.deliver(this.held);
    this.held = 0;
    this.isWindowOpen = true;
  }
  deliver(byteLength: number): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: { byteLength } }));
  }
  send({ byteLength }: { readonly byteLength: number }): boolean {
    this.writeBufferLength += byteLength;
    return false;
  }
  abort(): void {
    this.status = "aborted";
    this.dispatchEvent(new Event("close"));
  }
  read(): void {
    this.writeBufferLength = 0;
    this.dispatchEvent(new Event("idle"));
  }
}

/** A circuit of which one end sends and the relay hands on. */
function circuitAt(brake: CircuitBrake) {
  const [near, far] = [new End(), new End()];
  brake.join(near as unknown as Stream, far as unknown as Stream);
  const carry = (byteLength: number): void => {
    near.deliver(byteLength);
    far.send({ byteLength });
  };
  return { near, far, carry };
}

test("who sends more than is read is held, and goes on when it was read", () => {
  const { near, far, carry } = circuitAt(new CircuitBrake());
  carry(CIRCUIT_BACKLOG_BYTES_MAX);
  assert.equal(near.readStatus, "readable");
  carry(1);
  assert.deepEqual([near.readStatus, far.readStatus], ["paused", "readable"]);
  far.read();
  assert.equal(near.readStatus, "readable");
});

test("who is held again by what came meanwhile gets no leave to send more", () => {
  const { near, far, carry } = circuitAt(new CircuitBrake());
  carry(CIRCUIT_BACKLOG_BYTES_MAX + 1);
  near.held = 2 * CIRCUIT_BACKLOG_BYTES_MAX;
  far.read();
  assert.deepEqual([near.readStatus, near.isWindowOpen], ["paused", false]);
  far.send({ byteLength: 2 * CIRCUIT_BACKLOG_BYTES_MAX });
  far.read();
  assert.deepEqual([near.readStatus, near.isWindowOpen], ["readable", true]);
});

test("of circuits that hold too much together the one goes that has waited for its reader longest, and who reads stays", () => {
  const brake = new CircuitBrake();
  const each = CIRCUIT_BACKLOG_BYTES_MAX + 1 + RELAY_STREAM_WINDOW_BYTES_MAX;
  const fit = Math.floor(CIRCUIT_BACKLOGS_BYTES_MAX / each);
  const honest = circuitAt(brake);
  honest.carry(100);
  honest.far.read();
  const stuck = Array.from({ length: fit + 2 }, () => circuitAt(brake));
  for (const { carry } of stuck) {
    carry(CIRCUIT_BACKLOG_BYTES_MAX + 1);
    honest.carry(100);
    honest.far.read();
  }
  assert.deepEqual(
    stuck.flatMap(({ near, far }, i) => (near.status === "open" && far.status === "open" ? [] : [i])),
    [0, 1],
  );
  assert.equal(honest.near.status, "open");
});
