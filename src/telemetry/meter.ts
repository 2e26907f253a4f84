import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { assert, type Hex } from "../base/index.ts";
import type { Labels, Meter } from "../ports/index.ts";
import { GaugeSeries } from "./gauge-series.ts";
import { SERIES_MAX } from "./limits.ts";
import { DROPPED } from "./metrics.ts";

/** A meter that Prometheus can read. */
export interface ExposedMeter extends Meter {
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
}

type Kind = "counter" | "gauge" | "histogram";
interface Declared {
  readonly kind: Kind;
  readonly labelNames: readonly string[];
  readonly handle: unknown;
}

/** The labels on every series, named as Charon names them, so that its dashboards and alerts tell our nodes apart. */
export function charonLabels(of: {
  readonly lockHash: Hex;
  readonly clusterName: string;
  readonly network: string;
  /** The peer's name, as both programs make it from its ENR. */
  readonly peerName: string;
  readonly nickname: string;
  readonly version: string;
}): Labels {
  return {
    cluster_hash: of.lockHash.slice(2, 9), // Charon's label is the first seven digits.
    cluster_name: of.clusterName,
    cluster_network: of.network,
    cluster_peer: of.peerName,
    nickname: of.nickname,
    charon_version: of.version,
  };
}

/**
 * A meter over its own registry, with the process metrics that every Node program exports. A metric may be declared in
 * several places; they share it. A measurement that does not fit its declaration is dropped and counted: telemetry never throws at work.
 *
 * @param labels - On every series.
 */
export function createMeter(labels: Labels = {}): ExposedMeter {
  const registry = new Registry();
  registry.setDefaultLabels({ ...labels });
  collectDefaultMetrics({ register: registry });
  const declared = new Map<string, Declared>();
  const dropped = new Counter({
    ...DROPPED,
    registers: [registry],
  });

  function declare<H>(kind: Kind, name: string, labelNames: readonly string[], make: () => H): H {
    const known = declared.get(name);
    if (known !== undefined) {
      const same = known.kind === kind && known.labelNames.join() === labelNames.join();
      assert(same, `metric ${name} is declared in two ways`);
      return known.handle as H;
    }
    const handle = make();
    declared.set(name, { kind, labelNames, handle });
    return handle;
  }

  /** Wraps a measurement of `name` in the checks. */
  function checked(
    name: string,
    measure: (value: number, labels: Labels) => void,
  ): (v: number, l?: Labels) => void {
    const series = new Set<string>();
    return (value, labels = {}) => {
      const key = Object.values(labels).join("\u0000");
      const fits = Number.isFinite(value) && (series.has(key) || series.size < SERIES_MAX);
      try {
        if (!fits) return dropped.inc({ metric: name });
        measure(value, labels);
        series.add(key);
      } catch {
        dropped.inc({ metric: name });
      }
    };
  }

  const registers = [registry];
  const gauges: GaugeSeries[] = [];
  return {
    contentType: registry.contentType,
    text: async () =>
      `${[(await registry.metrics()).trimEnd(), ...gauges.map((gauge) => gauge.text())].join("\n\n")}\n`,
    counter: (name, help, labelNames = []) =>
      declare("counter", name, labelNames, () => {
        const counter = new Counter({ name, help, labelNames, registers });
        return { add: checked(name, (by, labels) => counter.inc(labels, by)) };
      }),
    gauge: (name, help, labelNames = []) =>
      declare("gauge", name, labelNames, () => {
        const gauge = new GaugeSeries({ name, help, labelNames, shared: labels });
        gauges.push(gauge);
        return { set: checked(name, (value, own) => gauge.set(value, own)) };
      }),
    histogram: (name, help, labelNames, buckets) =>
      declare("histogram", name, labelNames, () => {
        const histogram = new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
        return { observe: checked(name, (value, labels) => histogram.observe(labels, value)) };
      }),
  };
}
