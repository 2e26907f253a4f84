/** One flag: the parser, the help, the environment, the configuration file and docs/cli.md all come from its row. */
export interface Flag {
  /** Without the dashes; Charon's name where it means the same. */
  readonly name: string;
  readonly kind: "text" | "number" | "switch" | "list";
  /** What stands for the value in the help, e.g. "host:port". */
  readonly value?: string;
  readonly default?: string | number | boolean | readonly string[];
  readonly help: string;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

export interface CommandRow {
  /** e.g. ["create", "cluster"] */
  readonly path: readonly string[];
  readonly help: string;
  readonly flags: readonly Flag[];
  /** Positional arguments, as help shows them. */
  readonly arguments?: string;
}

const dataDir: Flag = {
  name: "data-dir",
  kind: "text",
  value: "folder",
  default: ".charon",
  help: "The node's folder: key, lock, key shares, and our own state below it",
};
const keyFile: Flag = {
  name: "private-key-file",
  kind: "text",
  value: "file",
  default: "",
  help: "The node key; by default charon-enr-private-key in the data folder",
};
const lockFile: Flag = {
  name: "lock-file",
  kind: "text",
  value: "file",
  default: "",
  help: "The cluster lock; by default cluster-lock.json in the data folder",
};
const testnet: readonly Flag[] = [
  {
    name: "testnet-name",
    kind: "text",
    default: "",
    help: "A network of your own, with all four of these: its name",
  },
  { name: "testnet-chain-id", kind: "number", default: 0, help: "Its execution chain id" },
  { name: "testnet-fork-version", kind: "text", value: "0x…", default: "", help: "Its genesis fork version" },
  {
    name: "testnet-genesis-timestamp",
    kind: "number",
    value: "seconds",
    default: 0,
    help: "Its genesis time",
  },
];
const logs: readonly Flag[] = [
  {
    name: "log-level",
    kind: "text",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    help: "The least important lines that are written",
  },
  {
    name: "log-format",
    kind: "text",
    default: "console",
    choices: ["console", "json", "logfmt"],
    help: "How log lines look",
  },
  {
    name: "log-color",
    kind: "text",
    default: "auto",
    choices: ["auto", "force", "disable"],
    help: "Colours in log lines",
  },
];
const noVerify: Flag = {
  name: "no-verify",
  kind: "switch",
  default: false,
  help: "Go on when hashes or signatures of cluster files are wrong",
};
const json: Flag = { name: "json", kind: "switch", default: false, help: "Print the result as JSON" };

const external: readonly Flag[] = [
  {
    name: "p2p-external-ip",
    kind: "text",
    value: "ip",
    default: "",
    help: "The address that peers are told, for a node behind a router",
  },
  {
    name: "p2p-external-hostname",
    kind: "text",
    value: "name",
    default: "",
    help: "The name that peers are told",
  },
];

const runFlags: readonly Flag[] = [
  dataDir,
  lockFile,
  keyFile,
  {
    name: "validator-keys-dir",
    kind: "text",
    value: "folder",
    default: "",
    help: "Keystores with this node's key shares; by default validator_keys in the data folder",
  },
  {
    name: "beacon-node-endpoints",
    kind: "list",
    value: "url,…",
    default: [],
    required: true,
    help: "Beacon nodes; several act as one",
  },
  {
    name: "beacon-node-timeout",
    kind: "number",
    value: "ms",
    default: 2000,
    help: "How long a beacon node may take to answer",
  },
  {
    name: "p2p-tcp-address",
    kind: "list",
    value: "host:port,…",
    default: ["0.0.0.0:3610"],
    help: "Where peers reach this node",
  },
  ...external,
  {
    name: "p2p-relays",
    kind: "list",
    value: "url,…",
    default: [],
    help: "Relays for nodes that cannot be reached directly (URL or multiaddr)",
  },
  {
    name: "p2p-peers",
    kind: "list",
    value: "multiaddr,…",
    default: [],
    help: "Addresses of peers, ending with /p2p/ and the peer id",
  },
  {
    name: "validator-api-address",
    kind: "text",
    value: "host:port",
    default: "",
    help: "Serve the beacon API here for a validator client, which signs in the place of the keystores; without keystores it is 127.0.0.1:3600",
  },
  {
    name: "no-signer",
    kind: "switch",
    default: false,
    help: "Leave the keystores closed: a validator client signs",
  },
  {
    name: "validator-api-tls-cert",
    kind: "text",
    value: "file",
    default: "",
    help: "Certificate (PEM) of the validator API, which then speaks HTTPS",
  },
  {
    name: "validator-api-tls-key",
    kind: "text",
    value: "file",
    default: "",
    help: "The certificate's key (PEM)",
  },
  {
    name: "monitoring-address",
    kind: "text",
    value: "host:port",
    default: "127.0.0.1:3620",
    help: "Where /metrics, /livez, /readyz and /duties are served",
  },
  {
    name: "fresh-keys",
    kind: "switch",
    default: false,
    help: "Nothing ever signed with these keys: sign with a new slashing memory at once, unless the chain knows better",
  },
  { name: "builder-api", kind: "switch", default: false, help: "Take blocks of builders too" },
  { name: "graffiti", kind: "text", default: "", help: "Up to 32 bytes of text in our blocks" },
  { name: "nickname", kind: "text", default: "", help: "What peers call this node; at most 32 characters" },
  {
    name: "private-key-file-lock",
    kind: "switch",
    default: false,
    help: "Refuse to start while another program uses the node key",
  },
  noVerify,
  ...testnet,
  ...logs,
];

export const commands: readonly CommandRow[] = [
  { path: ["run"], help: "Run this node of the cluster", flags: runFlags },
  {
    path: ["config", "show"],
    help: "Show every setting of `run` and where its value comes from",
    flags: [...runFlags, json],
  },
  {
    path: ["create", "enr"],
    help: "Make this operator's node key and print its ENR",
    flags: [dataDir, keyFile],
  },
  { path: ["enr"], help: "Print this operator's ENR", flags: [dataDir, keyFile, json] },
  {
    path: ["create", "cluster"],
    help: "Make a whole cluster on this machine, with new keys or by splitting yours",
    flags: [
      {
        name: "cluster-dir",
        kind: "text",
        value: "folder",
        default: ".",
        help: "Where node0, node1, … are made",
      },
      { name: "name", kind: "text", default: "", help: "The cluster's name" },
      { name: "nodes", kind: "number", default: 4, help: "How many operators" },
      {
        name: "threshold",
        kind: "number",
        default: 0,
        help: "How many of them sign; by default two thirds, rounded up",
      },
      { name: "num-validators", kind: "number", default: 0, help: "How many new validators" },
      {
        name: "network",
        kind: "text",
        default: "",
        help: "mainnet, hoodi, sepolia, gnosis, chiado or holesky; or the four --testnet flags",
      },
      {
        name: "fee-recipient-addresses",
        kind: "list",
        value: "0x…,…",
        default: [],
        required: true,
        help: "One for all validators or one for each",
      },
      {
        name: "withdrawal-addresses",
        kind: "list",
        value: "0x…,…",
        default: [],
        required: true,
        help: "One for all validators or one for each",
      },
      {
        name: "split-existing-keys",
        kind: "switch",
        default: false,
        help: "Split the keystores of --split-keys-dir instead of making new keys",
      },
      {
        name: "split-keys-dir",
        kind: "text",
        value: "folder",
        default: "",
        help: "Folder with keystore-0.json and its password in keystore-0.txt, and so on",
      },
      {
        name: "deposit-amounts",
        kind: "list",
        value: "eth,…",
        default: [],
        help: "Amounts of the deposit files; by default 1 and 32, with --compounding 1, 8, 32 and 256",
      },
      {
        name: "compounding",
        kind: "switch",
        default: false,
        help: "Withdrawal credentials of type 0x02, for up to 2048 ETH per validator",
      },
      {
        name: "target-gas-limit",
        kind: "number",
        default: 60_000_000,
        help: "Gas limit that validators ask builders for",
      },
      {
        name: "insecure-keys",
        kind: "switch",
        default: false,
        help: "Weak keystores, quick to open: for tests only",
      },
      {
        name: "definition-version",
        kind: "text",
        default: "v1.10.0",
        choices: ["v1.8.0", "v1.9.0", "v1.10.0", "v1.11.0"],
        help: "Version of the lock file; released Charon nodes read nothing newer than v1.10.0",
      },
      ...testnet,
      json,
    ],
  },
  {
    path: ["dkg"],
    help: "Make a cluster's keys together with its other operators, so that no whole key ever exists",
    flags: [
      dataDir,
      {
        name: "definition-file",
        kind: "text",
        value: "file",
        default: "",
        help: "What the operators agreed to; by default cluster-definition.json in the data folder",
      },
      {
        name: "p2p-tcp-address",
        kind: "list",
        value: "host:port,…",
        default: [],
        help: "Where peers reach this node; by default it only dials",
      },
      {
        name: "p2p-external-ip",
        kind: "text",
        value: "ip",
        default: "",
        help: "The address that peers are told, for a node behind a router",
      },
      {
        name: "p2p-external-hostname",
        kind: "text",
        value: "name",
        default: "",
        help: "The name that peers are told",
      },
      {
        name: "p2p-relays",
        kind: "list",
        value: "url,…",
        default: ["https://4.relay.obol.dev"],
        help: "Relays over which operators find each other (URL or multiaddr)",
      },
      {
        name: "p2p-peers",
        kind: "list",
        value: "multiaddr,…",
        default: [],
        help: "Addresses of peers, ending with /p2p/ and the peer id",
      },
      { name: "nickname", kind: "text", default: "", help: "A name that the other operators see" },
      {
        name: "shutdown-delay",
        kind: "number",
        value: "ms",
        default: 1000,
        help: "How long the node stays reachable after the end",
      },
      noVerify,
      ...testnet,
      ...logs,
    ],
  },
  {
    path: ["combine"],
    help: "Bring key shares back together to the whole validator keys",
    flags: [
      {
        name: "cluster-dir",
        kind: "text",
        value: "folder",
        default: ".charon/cluster",
        help: "Folder with the node folders of at least threshold operators",
      },
      {
        name: "output-dir",
        kind: "text",
        value: "folder",
        default: "./validator_keys",
        help: "A new folder for the keystores",
      },
      noVerify,
      json,
    ],
  },
  {
    path: ["slashing-protection", "export"],
    arguments: "<file>",
    help: "Write what this node has signed as an EIP-3076 interchange file",
    flags: [
      dataDir,
      {
        name: "for-validator-client",
        kind: "switch",
        default: false,
        help: "By this operator's key shares, as a validator client beside Charon keeps it, and not by validator",
      },
      lockFile,
      keyFile,
    ],
  },
  {
    path: ["slashing-protection", "import"],
    arguments: "<file>",
    help: "Add an EIP-3076 interchange file to what this node remembers",
    flags: [dataDir, lockFile],
  },
  {
    path: ["relay"],
    help: "Serve a relay through which nodes that cannot be reached directly meet",
    flags: [
      { ...dataDir, help: "Where the relay's key is" },
      {
        name: "auto-p2pkey",
        kind: "switch",
        default: true,
        help: "Make the key when there is none",
      },
      {
        name: "http-address",
        kind: "text",
        value: "host:port",
        default: "127.0.0.1:3640",
        help: "Where nodes ask for the relay's addresses",
      },
      {
        name: "p2p-tcp-address",
        kind: "list",
        value: "host:port,…",
        default: ["0.0.0.0:3610"],
        help: "Where nodes reach the relay",
      },
      ...external,
      {
        name: "p2p-advertise-private-addresses",
        kind: "switch",
        default: false,
        help: "Tell nodes addresses of a private network too",
      },
      {
        name: "p2p-max-connections",
        kind: "number",
        default: 16_384,
        help: "Connections at the same time",
      },
      {
        name: "p2p-max-reservations",
        kind: "number",
        default: 512,
        help: "Connections from one address; each operator holds one",
      },
      {
        name: "monitoring-address",
        kind: "text",
        value: "host:port",
        default: "",
        help: "Where /metrics is served",
      },
      ...logs,
    ],
  },
  {
    path: ["chain"],
    help: "Serve a simulated beacon chain that judges what it receives",
    flags: [
      {
        name: "address",
        kind: "text",
        value: "host:port",
        default: "127.0.0.1:3500",
        help: "Where the beacon API is served",
      },
      {
        name: "lock-file",
        kind: "text",
        value: "file",
        default: "",
        help: "Validators of this cluster lock are the ones that are judged",
      },
      {
        name: "interop-validators",
        kind: "number",
        default: 0,
        help: "Instead: this many validators with the well-known test keys",
      },
      {
        name: "other-validators",
        kind: "number",
        default: 0,
        help: "Further validators that the chain drives itself",
      },
      { name: "slot-ms", kind: "number", value: "ms", default: 12_000, help: "Length of a slot, from 1000" },
      {
        name: "genesis-delay",
        kind: "number",
        value: "seconds",
        default: 10,
        help: "From now to the first slot",
      },
      {
        name: "genesis-timestamp",
        kind: "number",
        value: "seconds",
        default: 0,
        help: "Genesis at this time instead",
      },
      {
        name: "genesis-fork-version",
        kind: "text",
        value: "0x…",
        default: "",
        help: "By default that of the lock, or 0x20000089",
      },
      {
        name: "proposers",
        kind: "text",
        default: "everyone",
        choices: ["everyone", "watched"],
        help: "Who proposes blocks",
      },
      {
        name: "epochs",
        kind: "number",
        default: 0,
        help: "End after so many epochs with a report; 0 runs until stopped",
      },
      json,
    ],
  },
  {
    path: ["demo"],
    help: "A whole cluster on this machine, on a simulated chain, to look at",
    flags: [
      { name: "nodes", kind: "number", default: 4, help: "How many operators" },
      { name: "validators", kind: "number", default: 16, help: "How many validators" },
      { name: "slot-ms", kind: "number", value: "ms", default: 3000, help: "Length of a slot, from 1000" },
      { name: "epochs", kind: "number", default: 0, help: "End after so many epochs; 0 runs until you quit" },
      { name: "plain", kind: "switch", default: false, help: "Plain lines instead of the live view" },
      { name: "keep", kind: "switch", default: false, help: "Keep the folder with keys and logs" },
    ],
  },
  { path: ["version"], help: "Print the version", flags: [json] },
];
