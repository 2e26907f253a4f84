import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { test } from "node:test";

// The rooms and the one direction of dependency (docs/architecture.md). A room may lean on those listed, and on nothing else.
const rooms: Readonly<
  Record<string, { readonly leansOn: readonly string[]; readonly libraries: readonly string[] }>
> = {
  base: { leansOn: [], libraries: ["protobufjs"] },
  spec: {
    leansOn: ["base"],
    libraries: ["@lodestar/", "@chainsafe/ssz", "@chainsafe/persistent-merkle-tree"],
  },
  crypto: {
    leansOn: ["base", "spec"],
    libraries: ["@chainsafe/blst", "@chainsafe/as-sha256", "@noble/", "mcl-wasm", "tiny-secp256k1"],
  },
  cluster: { leansOn: ["base", "spec", "crypto"], libraries: ["micro-eth-signer"] },
  qbft: { leansOn: ["base"], libraries: [] },
  slashing: { leansOn: ["base", "spec"], libraries: [] },
  ports: { leansOn: ["base", "spec", "crypto", "slashing"], libraries: [] },
  consensus: { leansOn: ["base", "spec", "crypto", "qbft", "ports"], libraries: [] },
  infosync: { leansOn: ["base", "spec", "crypto", "ports", "consensus"], libraries: [] },
  duty: {
    leansOn: ["base", "spec", "crypto", "cluster", "slashing", "ports", "consensus"],
    libraries: [],
  },
  p2p: {
    leansOn: ["base", "spec", "crypto", "ports"],
    libraries: ["libp2p", "@libp2p/", "@multiformats/", "uint8arraylist"],
  },
  beacon: { leansOn: ["base", "spec", "crypto", "ports"], libraries: ["undici", "eventsource-parser"] },
  "validator-api": { leansOn: ["base", "spec", "crypto", "ports", "http"], libraries: [] },
  storage: { leansOn: ["base", "spec", "crypto", "slashing", "ports"], libraries: [] },
  signer: { leansOn: ["base", "spec", "crypto", "cluster", "ports"], libraries: [] },
  execution: { leansOn: ["base", "cluster"], libraries: [] },
  telemetry: { leansOn: ["base", "spec", "crypto", "ports", "http"], libraries: ["prom-client"] },
  dashboard: { leansOn: [], libraries: [] },
  http: { leansOn: ["base"], libraries: [] },
  chain: { leansOn: ["base", "spec", "crypto", "ports", "http"], libraries: [] },
  dkg: { leansOn: ["base", "spec", "crypto"], libraries: [] },
  ceremony: { leansOn: ["base", "spec", "crypto", "cluster", "dkg", "ports"], libraries: [] },
  exits: { leansOn: ["base", "spec", "crypto", "cluster"], libraries: [] },
  node: {
    leansOn: [
      "base",
      "spec",
      "crypto",
      "cluster",
      "slashing",
      "ports",
      "consensus",
      "infosync",
      "duty",
      "p2p",
      "beacon",
      "execution",
      "storage",
      "signer",
      "telemetry",
      "dashboard",
      "http",
      "validator-api",
      "ceremony",
    ],
    libraries: [],
  },
  demo: {
    leansOn: ["base", "spec", "crypto", "cluster", "consensus", "chain", "p2p", "ports", "node"],
    libraries: [],
  },
  cli: {
    leansOn: [
      "base",
      "spec",
      "cluster",
      "ceremony",
      "chain",
      "demo",
      "node",
      "storage",
      "crypto",
      "execution",
      "exits",
    ],
    libraries: ["commander", "zod"],
  },
};

// Rooms that decide: the same inputs must give the same outputs, so time, chance and surroundings come in through ports.
const pure = ["base", "spec", "crypto", "cluster", "dkg", "qbft", "slashing", "ports", "consensus", "duty"];
const impure =
  /\bDate\.now\b|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bprocess\.env\b|\bnew Date\(\)/;
const secretEntropyAllowedIn = ["crypto", "cluster"];

const root = resolve(import.meta.dirname, "..");
const src = join(root, "src");

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

const isTest = (path: string): boolean =>
  /\.(test|prop\.test|bench)\.ts$/.test(path) || path.includes(`${sep}testing${sep}`);
const roomOf = (path: string): string | undefined => {
  const parts = relative(src, path).split(sep);
  return parts.length > 1 ? parts[0] : undefined;
};

function* importsOf(path: string): Generator<string> {
  const text = readFileSync(path, "utf8");
  for (const match of text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^"';]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g,
  )) {
    yield match[1] ?? match[2] ?? match[3] ?? "";
  }
}

test("every room in src is in the table, has a door, and the door says what the room owns", () => {
  for (const entry of readdirSync(src, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    assert.ok(
      rooms[entry.name],
      `src/${entry.name} is not in the table of test/tidy.test.ts: add the room and what it leans on`,
    );
    const door = join(src, entry.name, "index.ts");
    assert.ok(existsSync(door), `src/${entry.name} has no door: write index.ts, a paragraph and the exports`);
    assert.match(
      readFileSync(door, "utf8"),
      /^\/\*\*\n( \*.*\n)+ \*\//,
      `src/${entry.name}/index.ts does not begin with a paragraph on what the room owns`,
    );
  }
});

test("imports between rooms follow the arrows and come in through the door", () => {
  for (const path of sources(src)) {
    const room = roomOf(path);
    if (room === undefined || isTest(path)) continue;
    for (const target of importsOf(path)) {
      if (!target.startsWith(".")) continue;
      const targetPath = resolve(dirname(path), target);
      const other = roomOf(targetPath);
      const here = relative(root, path);
      assert.ok(
        targetPath.startsWith(src),
        `${here} imports ${target}: nothing in src/ knows what is outside`,
      );
      if (other === undefined || other === room) continue;
      assert.ok(
        rooms[room]?.leansOn.includes(other),
        `${here} imports room ${other}: ${room} may lean on ${rooms[room]?.leansOn.join(", ") || "nothing"}`,
      );
      assert.equal(
        relative(src, targetPath),
        join(other, "index.ts"),
        `${here} imports ${target}: come in through src/${other}/index.ts`,
      );
    }
  }
});

test("a foreign library is imported only in the room that is its home", () => {
  for (const path of sources(src)) {
    const room = roomOf(path);
    if (room === undefined || isTest(path)) continue;
    for (const target of importsOf(path)) {
      if (target.startsWith(".") || target.startsWith("node:")) continue;
      const home = rooms[room]?.libraries.some((library) => target === library || target.startsWith(library));
      assert.ok(
        home,
        `${relative(root, path)} imports ${target}, whose home is not ${room}: use the room that wraps it, or add it to the table with a reason in docs/dependencies.md`,
      );
    }
  }
});

test("rooms that decide take time, chance and surroundings through ports", () => {
  for (const room of pure) {
    for (const path of sources(join(src, room))) {
      if (isTest(path)) continue;
      const code = readFileSync(path, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      const found = impure.exec(code);
      assert.equal(
        found,
        null,
        `${relative(root, path)} uses ${found?.[0]}: take a Clock, Random or option instead`,
      );
      if (!secretEntropyAllowedIn.includes(room)) {
        assert.doesNotMatch(
          code,
          /\brandomBytes\b|\bgetRandomValues\b/,
          `${relative(root, path)} draws entropy: take it as a parameter`,
        );
      }
    }
  }
});

test("every direct dependency has its line in docs/dependencies.md, and the other way round", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const text = readFileSync(join(root, "docs/dependencies.md"), "utf8");
  const documented = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  assert.deepEqual(new Set(documented), new Set(Object.keys(dependencies)));
  for (const [name, version] of Object.entries(dependencies))
    assert.match(version, /^\d/, `${name} is not pinned to an exact version`);
});

test("a source file holds one idea: none is longer than 500 lines", () => {
  for (const path of sources(src)) {
    if (isTest(path)) continue;
    const lines = readFileSync(path, "utf8").split("\n").length;
    assert.ok(lines <= 500, `${relative(root, path)} has ${lines} lines: look for the second idea in it`);
  }
});

test("metrics are declared in a room's metrics.ts, and docs/metrics.md is made of all of them", () => {
  const reference = readFileSync(join(root, "scripts/metrics-reference.ts"), "utf8");
  for (const path of sources(src)) {
    if (isTest(path)) continue;
    const here = relative(root, path);
    const text = readFileSync(path, "utf8");
    if (!path.endsWith(`${sep}metrics.ts`))
      assert.doesNotMatch(
        text,
        /[mM]eter\??\.(counter|gauge|histogram)\(/,
        `${here} declares a metric: do that in its room's metrics.ts`,
      );
    else
      for (const [, name] of text.matchAll(/^export function (\w+)\(meter: Meter/gm))
        assert.match(
          `${reference} createMetrics`, // Of duty, which needs a clock too: declareDuties stands for it.
          new RegExp(`\\b${name}\\b`),
          `scripts/metrics-reference.ts does not know ${name} of ${here}`,
        );
  }
});

test("every error code of the program has its line in docs/errors.md, and the other way round", () => {
  const areas = [...Object.keys(rooms), "keystore"].join("|");
  const code = new RegExp(`"((?:${areas})/[a-z-]+)"`, "g");
  const used = new Set<string>();
  for (const path of sources(src)) {
    if (isTest(path)) continue;
    for (const match of readFileSync(path, "utf8").matchAll(code)) used.add(match[1] ?? "");
  }
  const text = readFileSync(join(root, "docs/errors.md"), "utf8");
  assert.deepEqual(new Set([...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1])), used);
});

test("docs/architecture.md has a row for every room, and for no other", () => {
  const rows = readFileSync(join(root, "docs/architecture.md"), "utf8").matchAll(/^\| `([a-z0-9-]+)` \|/gm);
  assert.deepEqual(new Set([...rows].map((match) => match[1])), new Set(Object.keys(rooms)));
});

test("a decision has its number in its title, its line in docs/adr/README.md, and is there when it is referred to", () => {
  const folder = join(root, "docs/adr");
  const files = readdirSync(folder).filter((name) => name !== "README.md");
  const list = readFileSync(join(folder, "README.md"), "utf8");
  const numbers = new Set<string>();
  for (const name of files) {
    const number = name.slice(0, 4);
    assert.ok(!numbers.has(number), `two decisions have the number ${number}`);
    numbers.add(number);
    const [, titled, title] = /^# (\d{4})\. (.+)\n/.exec(readFileSync(join(folder, name), "utf8")) ?? [];
    assert.equal(titled, number, `${name} does not begin with "# ${number}. " and a title`);
    assert.ok(
      list.includes(`- [${number}](${name}) ${title}\n`),
      `docs/adr/README.md lacks the line of ${name}`,
    );
  }
  for (const path of [...sources(src), ...sources(join(root, "sim"))])
    for (const [, number = ""] of readFileSync(path, "utf8").matchAll(/docs\/adr\/(\d{4})/g))
      assert.ok(
        numbers.has(number),
        `${relative(root, path)} refers to docs/adr/${number}, which is not there`,
      );
});
