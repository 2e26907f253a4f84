import assert from "node:assert/strict";
import { test } from "node:test";
import { unmetered } from "../ports/index.ts";
import { Heartbeat } from "./heartbeat.ts";
import { LOST_PINGS_MAX, PING_TIMEOUT_MS } from "./limits.ts";
import { fakeLinks } from "./testing/links.ts";

test("a connection whose pings vanish is in doubt after the first, and ended when so many in a row are lost", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { all, connect } = fakeLinks();
  const link = connect();
  all.verify(link);
  let pings = 0;
  const newStream = (_: string, { signal }: { signal: AbortSignal }): Promise<never> => {
    pings++;
    return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  Object.assign(link.connection, { newStream });
  const over = new Heartbeat({ links: all, meter: unmetered }).keep(link);
  for (let lost = 1; lost <= LOST_PINGS_MAX; lost++) {
    assert.deepEqual([pings, link.connection.status], [lost, "open"]);
    t.mock.timers.tick(PING_TIMEOUT_MS);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    assert.equal(link.isDoubtful, true);
    t.mock.timers.tick(0);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
  await over;
  assert.equal(link.connection.status, "aborted");
});
