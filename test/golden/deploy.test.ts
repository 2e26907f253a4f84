import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { metricsReference } from "../../scripts/metrics-reference.ts";
import { commands } from "../../src/cli/flags.ts";
import { NOT_READY_CODES } from "../../src/telemetry/readiness.ts";

// Goal: what operators copy from docs/deploy goes on fitting the program: rules and panels ask for metrics and labels that there
// are, and settings are flags that there are.
const folder = join(import.meta.dirname, "../../docs/deploy");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

/** Label names by metric, from the table that docs/metrics.md is made of. */
function declared(): ReadonlyMap<string, readonly string[]> {
  const rows = metricsReference().matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm);
  const metrics = new Map<string, readonly string[]>();
  for (const [, name = "", kind, labels = ""] of rows) {
    const own = [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label);
    const names = kind === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => name + end) : [name];
    for (const one of names) metrics.set(one, kind === "histogram" ? [...own, "le"] : own);
  }
  return metrics;
}
/** On every series; `instance` and `job` come from Prometheus. */
const COMMON = [
  "cluster_hash",
  "cluster_name",
  "cluster_network",
  "cluster_peer",
  "nickname",
  "charon_version",
  "instance",
  "job",
];
/** Of Prometheus itself, and of every Node program. */
const OTHERS = ["up", "process_cpu_seconds_total", "process_resident_memory_bytes"];
const FUNCTIONS =
  /\b(sum|max|min|abs|rate|increase|histogram_quantile|vector|label_values|by|and|or|unless|offset)\b/g;

/** A query without values, ranges and offsets. */
const bareOf = (query: string): string =>
  query
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\[\w+\]/g, "")
    .replaceAll(/\boffset \w+/g, "");

/** The labels that the series of an answer have. */
function labelsLeft(query: string, metrics: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const bare = bareOf(query);
  const kept = [...bare.matchAll(/\bby \(([^)]*)\)/g)].map(([, by = ""]) => by.split(/, */));
  const [first] = kept;
  // Of two sums of which one is divided by the other, what both have.
  if (first !== undefined) return first.filter((label) => kept.every((labels) => labels.includes(label)));
  if (/\b(?:sum|max|min|avg)\(/.test(bare)) return [];
  const names = bare.replaceAll(/\{[^}]*\}/g, "").match(/\b[a-z]\w*\b/g) ?? [];
  return [...COMMON, ...names.flatMap((name) => metrics.get(name) ?? [])];
}

/** What a query asks for and is not there. */
function unknownIn(query: string, metrics: ReadonlyMap<string, readonly string[]>): string[] {
  const bare = bareOf(query);
  const groups = [...bare.matchAll(/\bby \(([^)]*)\)|\{([^}]*)\}/g)].flatMap(([, by, braces]) =>
    (by ?? (braces ?? "").replaceAll(/[=~!]+/g, "")).split(",").map((name) => name.trim()),
  );
  const names = bare
    .replaceAll(/\bby \([^)]*\)|\{[^}]*\}/g, "")
    .replaceAll(FUNCTIONS, "")
    .match(/\b[a-z]\w*\b/g);
  const asked = [...new Set(names ?? [])];
  const labels = new Set([...COMMON, ...asked.flatMap((name) => metrics.get(name) ?? [])]);
  return [
    ...asked.filter((name) => !metrics.has(name) && !OTHERS.includes(name)),
    ...groups.filter((label) => label !== "" && !labels.has(label)).map((label) => `label ${label}`),
  ];
}

test("the check of queries finds a metric and a label that are not there", () => {
  const metrics = declared();
  assert.deepEqual(unknownIn("rate(p2p_ping_error_total[5m]) > 0", metrics), []);
  assert.deepEqual(unknownIn("sum by (duty) (p2p_ping_sucess)", metrics), ["p2p_ping_sucess", "label duty"]);
  assert.deepEqual(unknownIn('p2p_ping_success{duty="x"}', metrics), ["label duty"]);
  assert.ok(labelsLeft("p2p_ping_success > 0", metrics).includes("peer"));
  assert.deepEqual(labelsLeft("sum(p2p_ping_success)", metrics), []);
  assert.deepEqual(labelsLeft("sum by (peer) (a) / sum by (peer, duty) (b)", metrics), ["peer"]);
});

test("every alert asks for what the node measures, says who is concerned and what to do, and uses labels that are left", () => {
  const metrics = declared();
  const rules = read("alerts.yml")
    .split(/^ {6}- alert: /m)
    .slice(1);
  assert.ok(rules.length >= 12);
  for (const rule of rules) {
    const field = (name: string): string => new RegExp(`^ +${name}: (.+)$`, "m").exec(rule)?.[1] ?? "";
    const name = rule.split("\n")[0] ?? "";
    const expr = field("expr");
    assert.deepEqual(unknownIn(expr, metrics), [], name);
    assert.match(field("labels"), /^\{ severity: (critical|warning) \}$/, name);
    assert.ok(field("summary") !== "" && field("description") !== "", name);
    const left = labelsLeft(expr, metrics);
    for (const [, label = ""] of rule.matchAll(/\$labels\.(\w+)/g))
      assert.ok(left.includes(label), `${name} shows ${label}, which its query does not have`);
  }
});

test("every panel of the dashboard asks for what the node measures", () => {
  const metrics = declared();
  const { panels, templating } = JSON.parse(read("grafana.json")) as {
    panels: {
      title: string;
      targets?: { expr: string; legendFormat: string }[];
      fieldConfig?: unknown;
    }[];
    templating: { list: { query: string }[] };
  };
  const targets = panels.flatMap((panel) => panel.targets ?? []);
  assert.ok(targets.length > 20);
  for (const { expr, legendFormat } of targets) {
    assert.deepEqual(unknownIn(expr, metrics), [], expr);
    const left = labelsLeft(expr, metrics);
    for (const [, label = ""] of legendFormat.matchAll(/\{\{ *(\w+) *\}\}/g))
      assert.ok(left.includes(label), `a legend shows ${label}, which its query does not have: ${expr}`);
  }
  for (const { query } of templating.list.slice(1))
    assert.match(query, /^label_values\(app_monitoring_readyz/);
});

test("the dashboard has a word for every reason why a node is not ready", () => {
  const text = read("grafana.json");
  for (const code of [1, ...Object.values(NOT_READY_CODES)])
    assert.match(text, new RegExp(`^ +"${code}": \\{\\n? +"text"`, "m"), `no word for ${code}`);
});

test("settings in the files for systemd and containers are flags of `run`, and paths in them are there", () => {
  const run = commands.find(({ path }) => path.join(" ") === "run");
  const variables = (run?.flags ?? []).map(
    ({ name }) => `TRIREME_${name.toUpperCase().replaceAll("-", "_")}`,
  );
  for (const [, name] of read("compose.yml").matchAll(/^ +(TRIREME_\w+):/gm))
    assert.ok(variables.includes(name ?? ""), name);
  assert.match(read("trireme.service"), /^ExecStart=\/opt\/trireme\/bin\/trireme run --config-file /m);
  assert.match(read("Dockerfile"), /^ENTRYPOINT \["\/opt\/trireme\/bin\/trireme"\]$/m);
  const files = readdirSync(folder);
  for (const [, name] of read("compose.yml").matchAll(/\.\/(\w+\.yml):/g))
    assert.ok(files.includes(name ?? ""), name);
});

test("an operator's folder that lies where the files for containers want it comes into no image and no commit", () => {
  const [, data] = /^ +- \.\/(\w+):\/data$/m.exec(read("compose.yml")) ?? [];
  assert.ok(data !== undefined);
  const root = join(folder, "../..");
  for (const file of [".dockerignore", ".gitignore"]) {
    const names = readFileSync(join(root, file), "utf8")
      .split("\n")
      .map((line) => line.replace(/^\*\*\//, "").replace(/\/$/, ""));
    for (const name of [`docs/deploy/${data}`, ".charon", "validator_keys", "charon-enr-private-key"])
      assert.ok(names.includes(name), `${file} lets ${name} through`);
  }
});
