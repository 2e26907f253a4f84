import assert from "node:assert/strict";
import { test } from "node:test";
import { SERIES_MAX } from "./limits.ts";
import { charonLabels, createMeter } from "./meter.ts";

const lines = (text: string, name: string): string[] =>
  text.split("\n").filter((line) => line.startsWith(name));

test("every series carries the cluster's labels by Charon's names", async () => {
  const labels = charonLabels({
    lockHash: "0x433287d255abf237992d2279af5b1a1bb2c3d7124c97906edd848ebbb541a1c7",
    clusterName: "home",
    network: "hoodi",
    peerName: "brave-cat",
    nickname: "attic",
    version: "v1.11",
  });
  const meter = createMeter(labels);
  meter.gauge("cluster_threshold", "Aggregation threshold").set(3);
  assert.deepEqual(lines(await meter.text(), "cluster_threshold"), [
    'cluster_threshold{cluster_hash="433287d",cluster_name="home",cluster_network="hoodi",cluster_peer="brave-cat",nickname="attic",charon_version="v1.11"} 3',
  ]);
});

test("counters, gauges and histograms come out in Prometheus' text", async () => {
  const meter = createMeter();
  meter.counter("c_total", "c", ["duty"]).add(2, { duty: "attester" });
  meter.counter("c_total", "c", ["duty"]).add(1, { duty: "attester" });
  meter.histogram("h_seconds", "h", [], [0.1, 1]).observe(0.5);
  const text = await meter.text();
  assert.match(text, /^c_total\{duty="attester"\} 3$/m);
  assert.match(text, /^h_seconds_bucket\{le="0.1"\} 0$/m);
  assert.match(text, /^h_seconds_bucket\{le="1"\} 1$/m);
  assert.match(text, /^process_resident_memory_bytes /m);
});

test("a metric declared in two ways is a bug and says so", () => {
  const meter = createMeter();
  meter.counter("x_total", "x", ["a"]);
  assert.throws(() => meter.counter("x_total", "x", ["b"]), /x_total is declared in two ways/);
  assert.throws(() => meter.gauge("x_total", "x", ["a"]), /x_total is declared in two ways/);
});

test("a measurement that does not fit is dropped and counted, and never throws", async () => {
  const meter = createMeter();
  const counter = meter.counter("x_total", "x", ["a"]);
  counter.add(Number.NaN, { a: "1" });
  counter.add(-1, { a: "1" });
  counter.add(1, { nonsense: "1" });
  const text = await meter.text();
  assert.match(text, /trireme_telemetry_dropped_total\{metric="x_total"\} 3/);
});

test("labels that grow without end stop at the cap", async () => {
  const meter = createMeter();
  const gauge = meter.gauge("x", "x", ["peer"]);
  for (let i = 0; i < SERIES_MAX + 50; i++) gauge.set(i, { peer: String(i) });
  gauge.set(7, { peer: "0" });
  const text = await meter.text();
  assert.equal(lines(text, "x{").length, SERIES_MAX);
  assert.match(text, /x\{peer="0"\} 7/);
  assert.match(text, /dropped_total\{metric="x"\} 50/);
});

test("a gauge's labels are escaped, and one that is not declared is dropped", async () => {
  const meter = createMeter({ where: 'a "quiet" place' });
  const gauge = meter.gauge("x", "back\\slash", ["peer"]);
  gauge.set(1.5, { peer: 'b\\c\n"' });
  gauge.set(2, { peer: 'b\\c\n"' });
  gauge.set(1, { nonsense: "1" });
  const text = await meter.text();
  assert.deepEqual(lines(text, "x{"), ['x{peer="b\\\\c\\n\\"",where="a \\"quiet\\" place"} 2']);
  assert.match(text, /^# HELP x back\\\\slash$/m);
  assert.match(text, /trireme_telemetry_dropped_total\{metric="x",where="a \\"quiet\\" place"\} 1/);
});
