import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commands } from "./flags.ts";
import { commandReference } from "./reference.ts";
import { folderOf, trireme } from "./testing/trireme.ts";

const OWNER = `0x${"11".repeat(20)}`;
const createCluster = (folder: string): string =>
  `create cluster --cluster-dir ${folder} --network hoodi --num-validators 2 --fee-recipient-addresses ${OWNER} --withdrawal-addresses ${OWNER} --insecure-keys`;

test("a flag wins over TRIREME_X, that over CHARON_X, that over the file, that over the default", async (t) => {
  const file = join(folderOf(t), "config.json");
  writeFileSync(file, JSON.stringify({ "log-level": "error", "p2p-relays": ["http://a", "http://b"] }));
  const steps = [
    ["", {}, "info", "default", ""],
    [`--config-file ${file}`, {}, "error", "file", file],
    [`--config-file ${file}`, { CHARON_LOG_LEVEL: "warn" }, "warn", "environment", "CHARON_LOG_LEVEL"],
    [
      `--config-file ${file}`,
      { CHARON_LOG_LEVEL: "warn", TRIREME_LOG_LEVEL: "info" },
      "info",
      "environment",
      "TRIREME_LOG_LEVEL",
    ],
    [
      `--config-file ${file} --log-level debug`,
      { CHARON_LOG_LEVEL: "warn", TRIREME_LOG_LEVEL: "info" },
      "debug",
      "flag",
      "--log-level",
    ],
    ["", { TRIREME_CONFIG_FILE: file }, "error", "file", file],
    ["", { TRIREME_LOG_LEVEL: "" }, "info", "default", ""],
  ] as const;
  for (const [flags, environment, value, origin, from] of steps) {
    const { code, out } = await trireme(`config show --json ${flags}`, environment);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out)["log-level"], { value, origin, from });
  }
});

test("facts of an error that come from files give the terminal no commands and no line of their own", async () => {
  const { code, err } = await trireme("verify /nowhere/\u001b[2J\u202e\nhint:all-is-well");
  assert.equal(code, 1);
  for (const line of err.split("\n")) assert.doesNotMatch(line, /[\p{Cc}\u202e]|^hint/u);
});

test("`config show` prints every setting of `run` with its value and where it comes from", async () => {
  const { code, out } = await trireme(
    "config show --nickname odysseus --no-verify --beacon-node-headers x-key=hush",
    {
      CHARON_BEACON_NODE_ENDPOINTS: "http://a:5052, http://b:5052",
      CHARON_BEACON_NODE_TIMEOUT: "3s",
    },
  );
  assert.equal(code, 0);
  const lines = out.trimEnd().split("\n");
  const run = commands.find(({ path }) => path.join(" ") === "run");
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    run?.flags.map(({ name }) => name),
  );
  const line = (name: string): string =>
    lines.find((one) => one.startsWith(`${name} `))?.replaceAll(/ +/g, " ") ?? "";
  assert.equal(line("nickname"), "nickname odysseus flag --nickname");
  assert.equal(line("no-verify"), "no-verify true flag --no-verify");
  assert.equal(line("beacon-node-headers"), "beacon-node-headers [secret] flag --beacon-node-headers");
  assert.equal(
    line("beacon-node-timeout"),
    "beacon-node-timeout 3000 environment CHARON_BEACON_NODE_TIMEOUT",
  );
  assert.equal(
    line("beacon-node-endpoints"),
    "beacon-node-endpoints http://a:5052,http://b:5052 environment CHARON_BEACON_NODE_ENDPOINTS",
  );
  assert.equal(line("log-level"), "log-level info default");
});

test("passwords and keys of URLs stand neither in errors nor in what `config show` prints", async () => {
  const url = "https://me:hunter2@node.example:5052/eth?apikey=s3cret";
  const wrong = url.replace("https", "ftp");
  for (const line of [
    `config show --beacon-node-endpoints ${url} --execution-client-rpc-endpoint ${url}`,
    `config show --json --beacon-node-endpoints ${url}`,
    `run --beacon-node-endpoints ${wrong}`,
    `run --beacon-node-endpoints ${url} --execution-client-rpc-endpoint ${wrong}`,
    "dkg --definition-file http://me:hunter2@127.0.0.1:1/?apikey=s3cret",
    "run --beacon-node-endpoints me:hunter2@node.example:5052",
    `run --beacon-node-endpoints ftp://me:${"hunter2".repeat(30)}@node.example`,
    `dkg --p2p-relays ftp://me:${"hunter2".repeat(30)}@relay.example`,
  ]) {
    const { out, err } = await trireme(line);
    assert.doesNotMatch(out + err, /hunter2|s3cret/, line);
    assert.match(out + err, /\[secret\]|is not an http or https URL/, line);
  }
});

test("a wrong use ends with exit code 2, says what is wrong and what to write, and prints no result", async (t) => {
  const folder = folderOf(t);
  const file = (content: string): string => {
    const path = join(folder, `${readdirSync(folder).length}.json`);
    writeFileSync(path, content);
    return `config show --config-file ${path}`;
  };
  const uses: readonly (readonly [line: string, says: RegExp, environment?: Record<string, string>])[] = [
    ["config show --log-level loud", /--log-level is "loud"\n {2}Write one of debug, info, warn, error\./],
    ["config show", /TRIREME_LOG_LEVEL is "loud"/, { TRIREME_LOG_LEVEL: "loud" }],
    ["config show", /CHARON_NO_VERIFY is neither true nor false/, { CHARON_NO_VERIFY: "maybe" }],
    ["config show --beacon-node-timeout soon", /--beacon-node-timeout is not a whole number\n.*2s/],
    ["config show --beacon-node-timeout -1", /--beacon-node-timeout/],
    ["config show --beacon-node-timeout 0", /--beacon-node-timeout is 0\n {2}It may be from 100 to 60000/],
    ["config show --beacon-node-timeout 100000m", /--beacon-node-timeout is 6000000000\n/],
    ["demo --nodes 4s", /--nodes is not a whole number\n {2}Write digits only/],
    ["demo --nodes 0x4", /--nodes is not a whole number/],
    ["demo --nodes 99", /--nodes is 99\n {2}Between 3 and 10/],
    [file('{ "log-levle": "debug" }'), /unknown setting "log-levle" in .*\n {2}Did you mean log-level/],
    [file('{ "data-dir": null }'), /data-dir in .* is not a text/],
    [file('{ "p2p-relays": [{}] }'), /p2p-relays in .* is not a text/],
    [file("log-level: debug"), /read the configuration file/],
    [file("[]"), /read the configuration file/],
    ["config show --config-file /nowhere.json", /read the configuration file \/nowhere\.json/],
    [
      "run",
      /--beacon-node-endpoints is missing\n {2}Give --beacon-node-endpoints, or set TRIREME_BEACON_NODE_ENDPOINTS/,
    ],
    ["run --beacon-node-endpoints localhost:5052", /has "localhost:5052"\n {2}Write URLs/],
    [
      `run --beacon-node-endpoints http://a --graffiti ${"g".repeat(33)}`,
      /--graffiti is longer than 32 bytes/,
    ],
    [
      "run --beacon-node-endpoints http://a --beacon-node-headers hush",
      /has something that is no header\n {2}Write name=value/,
    ],
    ["run --beacon-node-endpoints http://a --testnet-name mine", /needs all of --testnet-name/],
    ["run --beacon-node-endpoints http://a --no-signer --keystores-aggregate", /--no-signer leaves closed/],
    ["config show --p2p-tcp-address 3610", /--p2p-tcp-address has "3610"\n {2}Write it as 1\.2\.3\.4:3610/],
    ["dkg --p2p-tcp-address 127.0.0.1:0,nowhere:99999", /--p2p-tcp-address has "nowhere:99999"/],
    ["dkg --p2p-peers /ip4/127.0.0.1/tcp/3610", /--p2p-peers has .*\n {2}Write it as .*\/p2p\//],
    ["dkg --p2p-relays ftp://relay.example", /--p2p-relays has .*\n {2}A relay is a URL/],
    ["dkg --p2p-external-ip 1.2.3.4:3610", /--p2p-external-ip has .*\n {2}Write an IP address alone/],
    [`dkg --nickname ${"🐟".repeat(9)}`, /--nickname is longer than 32 bytes\n {2}Shorten it/],
    [`config show --nickname ${"x".repeat(33)}`, /--nickname is longer than 32 bytes/],
    ["dkg --p2p-external-ip 1.2.3", /--p2p-external-ip has "1\.2\.3"/],
    ["dkg --p2p-external-hostname node.example:1", /--p2p-external-hostname has .*\n {2}Write a name alone/],
    ["dkg", /--p2p-relays has "nowhere"/, { CHARON_P2P_RELAYS: "nowhere" }],
    ["config show --monitoring-address 3620", /--monitoring-address has "3620"\n {2}Write host:port/],
    ["config show --validator-api-address 127.0.0.1", /--validator-api-address has .*\n {2}Write host:port/],
    ["relay --http-address here", /--http-address has "here"/],
    ["chain --interop-validators 1 --address 127.0.0.1:99999", /--address has /],
    [
      "create cluster --num-validators 1",
      /--fee-recipient-addresses and --withdrawal-addresses are missing\n {2}Give them, or set TRIREME_FEE/,
    ],
    ["create enr mine", /too many arguments, expected 0: mine\.?\n {2}A value belongs behind its flag/],
    [createCluster(folder).replace("hoodi", "hodi"), /--network is "hodi"\n {2}Write one of mainnet/],
    [`${createCluster(folder)} --split-existing-keys`, /--num-validators goes with new keys only/],
    ["slashing-protection export", /missing required argument 'file'/],
    ["rn", /unknown command 'rn'\n {2}Did you mean run/],
    ["crate", /unknown command 'crate'\n {2}Did you mean create/],
    ["create clutser", /unknown command 'clutser'\n {2}Did you mean cluster/],
    ["exit lst", /unknown command 'lst'\n {2}Did you mean list\?/],
    [
      createCluster(folder).replace("hoodi", "mainnet"),
      /--insecure-keys on mainnet\n {2}Anybody who sees such a keystore can open it/,
    ],
    [
      "run --beacon-node-endpoint x",
      /unknown option '--beacon-node-endpoint'\n {2}Did you mean --beacon-node-endpoints/,
    ],
  ];
  for (const [line, says, environment] of uses) {
    const { code, out, err } = await trireme(line, environment);
    assert.equal(code, 2, `${line}: ${err}`);
    assert.equal(out, "", line);
    assert.match(err, says, line);
  }
});

test("without a command the commands are listed, and the exit code says that this did nothing", async () => {
  for (const line of ["", "create", "config"]) {
    const { code, out, err } = await trireme(line);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(err, /Commands:/);
  }
});

test("the version is told by a command and by the usual flags", async () => {
  const { code, out } = await trireme("version");
  assert.equal(code, 0);
  assert.match(out, /^trireme v\d+\.\d+\.\d+ \(Node v\d+/);
  for (const line of ["--version", "-V"]) assert.deepEqual(await trireme(line), { code, out, err: "" });
  const { code: fault } = await trireme("--version --nonsense");
  assert.equal(fault, 2);
});

test("help goes to standard output; the first page lists every command", async () => {
  const { code, out } = await trireme("--help");
  assert.equal(code, 0);
  for (const { path, help } of commands) {
    assert.ok(out.includes(`  ${path.join(" ")} `), path.join(" "));
    assert.ok(out.includes(help), help);
  }
  for (const { path, flags } of commands) {
    const page = await trireme(`${path.join(" ")} --help`);
    assert.equal(page.code, 0);
    for (const { name } of flags) assert.ok(page.out.includes(`--${name}`), `${path.join(" ")} --${name}`);
    assert.ok(page.out.split("\n").every((line) => line.length <= 120));
  }
});

test("help fits a narrow terminal", async () => {
  for (const name of ["", "run", "create cluster", "create dkg"]) {
    const { out } = await trireme(`${name} --help`, {}, 80);
    const [lists = ""] = out.split(/^(?:Every flag|Flags of a command)/m);
    assert.deepEqual(
      lists.split("\n").filter((line) => line.length > 80),
      [],
      name,
    );
  }
});

test("`create enr` makes a key once; `enr` prints the same ENR", async (t) => {
  const folder = join(folderOf(t), "node");
  const made = await trireme(`create enr --data-dir ${folder}`);
  assert.equal(made.code, 0);
  assert.match(made.out, /^enr:-HW4Q[\w-]+\n$/);
  assert.match(made.err, /Back it up now/);
  const key = readFileSync(join(folder, "charon-enr-private-key"), "utf8");
  assert.ok(!made.out.includes(key) && !made.err.includes(key));

  const again = await trireme(`create enr --data-dir ${folder}`);
  assert.equal(again.code, 1);
  assert.equal(again.out, "");
  assert.match(again.err, /charon-enr-private-key/);
  assert.equal(readFileSync(join(folder, "charon-enr-private-key"), "utf8"), key);

  assert.equal((await trireme(`enr --data-dir ${folder}`)).out, made.out);
  const json = JSON.parse((await trireme(`enr --json --data-dir ${folder}`)).out) as { enr: string };
  assert.equal(`${json.enr}\n`, made.out);
  const missing = await trireme(`enr --data-dir ${folder}-not`);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /trireme create enr/);
});

test("`create cluster` makes the folders and says what it made; twice is refused; `combine` brings the keys back", async (t) => {
  const folder = folderOf(t);
  const made = await trireme(createCluster(folder));
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /Made a cluster of 4 nodes; any 3 of them sign for\n {2}0x[0-9a-f]+…[0-9a-f]{4}\n/);
  assert.match(made.out, /on hoodi\./);
  assert.match(made.out, /trireme run --data-dir/);
  assert.deepEqual(readdirSync(folder).toSorted(), ["node0", "node1", "node2", "node3"]);

  const again = await trireme(createCluster(folder));
  assert.equal(again.code, 1);
  assert.match(again.err, /node0\n.*nothing was changed/);

  const whole = join(folder, "whole");
  const combined = await trireme(`combine --cluster-dir ${folder} --output-dir ${whole} --json`);
  assert.equal(combined.code, 0, combined.err);
  assert.equal((JSON.parse(combined.out) as { validators: string[] }).validators.length, 2);
  assert.ok(existsSync(join(whole, "keystore-1.json")));
  assert.equal((await trireme(`combine --cluster-dir ${folder} --output-dir ${whole}`)).code, 1);

  const other = join(folder, "other");
  const split = await trireme(
    createCluster(other).replace(
      "--num-validators 2",
      `--split-existing-keys --split-keys-dir ${whole} --json`,
    ),
  );
  assert.equal(split.code, 0, split.err);
  assert.deepEqual(
    (JSON.parse(split.out) as { validators: string[] }).validators,
    (JSON.parse(combined.out) as { validators: string[] }).validators,
  );
});

test("a deposit amount that is no number is refused with a named error", async (t) => {
  const { code, err } = await trireme(`${createCluster(folderOf(t))} --deposit-amounts many`);
  assert.equal(code, 1);
  assert.match(err, /Each amount must be between 1 and 32 ETH/);
});

test("docs/cli.md is what the table says; `npm run docs` writes it", () => {
  const written = readFileSync(join(import.meta.dirname, "../../docs/cli.md"), "utf8");
  assert.equal(written, commandReference());
});

test("every command has examples, and its help shows them; each begins with the command and has only flags of it", async () => {
  for (const { path, examples, flags } of commands) {
    const name = `trireme ${path.join(" ")}`;
    assert.ok(examples.length > 0, `${name} has no example`);
    const out = (await trireme(`${path.join(" ")} --help`)).out.replaceAll(/ \\\n +/g, " ");
    for (const example of examples) {
      assert.ok(example.startsWith(name), `${example} is no example of ${name}`);
      assert.ok(out.includes(`  ${example}\n`), `${name} --help lacks an example`);
      const used = [...example.matchAll(/--([a-z0-9-]+)/g)].map(([, flag]) => flag);
      const known = ["config-file", ...flags.map((flag) => flag.name)];
      assert.deepEqual(
        used.filter((flag) => !known.includes(flag ?? "")),
        [],
        example,
      );
    }
  }
});

test("an error ends its first line with the name under which docs/errors.md has it, and a failure of the system has advice", async (t) => {
  const folder = folderOf(t);
  const missing = await trireme(`enr --data-dir ${folder}`);
  assert.match(
    missing.err,
    /^error: read the node key: no such file or directory: .* \[cluster\/missing\]\n/,
  );
  writeFileSync(join(folder, "file"), "");
  const blocked = await trireme(`create enr --data-dir ${folder}/file`);
  assert.match(blocked.err, /file already exists|not a directory/);
  assert.match(blocked.err, /\n {2}A file is where a folder is wanted/);
});

test("`enr` prints the ENR alone; with --verbose what others need to reach the node too", async (t) => {
  const folder = folderOf(t);
  const { out: made } = await trireme(`create enr --data-dir ${folder}`);
  assert.equal((await trireme(`enr --data-dir ${folder}`)).out, made);
  const { out } = await trireme(`enr --data-dir ${folder} --verbose`);
  const { peerId, enr } = JSON.parse((await trireme(`enr --data-dir ${folder} --json`)).out) as Record<
    string,
    string
  >;
  assert.equal(`${enr}\n`, made);
  assert.match(peerId ?? "", /^16Uiu2HA/);
  assert.ok(out.startsWith(made) && out.includes(`--p2p-peers /ip4/<address>/tcp/3610/p2p/${peerId}`));
});

test("`help` before a command is its help", async () => {
  const { code, out } = await trireme("help create cluster");
  assert.equal(code, 0);
  assert.deepEqual(await trireme("create cluster --help"), { code, out, err: "" });
  assert.deepEqual(await trireme("help"), await trireme("--help"));
});

test("a misspelt variable of ours is told of; one of another command, or that looks like no setting, is not", async () => {
  const { code, err } = await trireme("config show", {
    TRIREME_DATA_DRI: "x",
    TRIREME_CLUSTER_DIR: "x",
    TRIREME_CONFIG_FILE: "",
    TRIREME_WHATEVER_IT_MAY_BE: "x",
    DATA_DRI: "x",
  });
  assert.equal(code, 0);
  assert.equal(
    err,
    "warning: TRIREME_DATA_DRI is no setting, and is passed over. Did you mean TRIREME_DATA_DIR?\n",
  );
});

test("a setting of Charon's for spare beacon nodes is not lost silently", async () => {
  const spare = { CHARON_FALLBACK_BEACON_NODE_ENDPOINTS: "http://b:5052" };
  const { code, err } = await trireme("config show", spare);
  assert.equal(code, 0);
  assert.match(err, /^warning: CHARON_FALLBACK_\w+ is passed over\. List all .* --beacon-node-endpoints/);
  assert.equal((await trireme("relay --http-address nowhere", spare)).err.includes("FALLBACK"), false);
});

test("a folder of several operators is no operator's, and the hint names one that is", async (t) => {
  const folder = folderOf(t);
  assert.equal((await trireme(createCluster(folder))).code, 0);
  for (const line of [
    `verify ${folder}`,
    `run --data-dir ${folder} --beacon-node-endpoints http://127.0.0.1:1`,
  ]) {
    const { code, err } = await trireme(line);
    assert.equal(code, 1);
    assert.ok(
      err.includes(`There is one in ${join(folder, "node0")}: name the folder of this operator.`),
      err,
    );
  }
});

test("another threshold than the customary one is warned of when a cluster is made, and told by verify", async (t) => {
  const folder = folderOf(t);
  const { code, err } = await trireme(`${createCluster(folder)} --threshold 2`);
  assert.equal(code, 0);
  assert.match(err, /^warning: any 2 of 4 operators sign; customary is 3/);
  const { code: judged, out } = await trireme(`verify ${join(folder, "node0")}`);
  assert.equal(judged, 0);
  assert.match(out, /! threshold +any 2 of 4 operators sign; customary is 3/);
});
