import {
  type CommandRow,
  dataDir,
  executionClient,
  type Flag,
  json,
  keyFile,
  noVerify,
  testnet,
} from "./flag.ts";

/** What a cluster is to be: of `create cluster` and of `create dkg`, named as Charon's. */
export const definitionFlags: readonly Flag[] = [
  { name: "name", kind: "text", default: "", help: "The cluster's name" },
  {
    name: "threshold",
    kind: "number",
    default: 0,
    help: "How many of them sign; by default two thirds, rounded up",
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
    name: "consensus-protocol",
    kind: "text",
    default: "",
    choices: ["", "qbft"],
    help: "How operators agree; there is one way, so leave it out",
  },
];

const network = (otherwise: string): Flag => ({
  name: "network",
  kind: "text",
  default: otherwise,
  help: "mainnet, hoodi, sepolia, gnosis, chiado or holesky; or the four --testnet flags",
});

export const networkFlag: Flag = network("");

/** The versions that the cluster room writes, repeated here since help needs nothing of that room; a test compares them. */
export const fileVersions: readonly string[] = Array.from({ length: 12 }, (_, minor) => `v1.${minor}.0`);
/** No program holds a ceremony over older definitions. */
const FIRST_CEREMONY_VERSION = "v1.6.0";

export const definitionVersion = (choices: readonly string[]): Flag => ({
  name: "definition-version",
  kind: "text",
  default: "v1.10.0",
  choices,
  help: "Version of the files; released Charon nodes read nothing newer than v1.10.0",
});

const definitionFile: Flag = {
  name: "definition-file",
  kind: "text",
  value: "file",
  default: "",
  help: "The definition; by default cluster-definition.json in the data folder",
};

/** Commands around the definition, before a ceremony. */
export const definitionCommands: readonly CommandRow[] = [
  {
    path: ["create", "dkg"],
    help: "Define a cluster, for a ceremony that makes its keys",
    examples: [
      "trireme create dkg --network hoodi --num-validators 10 --operator-enrs enr:…,enr:…,enr:…,enr:… --fee-recipient-addresses 0x… --withdrawal-addresses 0x…",
    ],
    flags: [
      {
        name: "output-dir",
        kind: "text",
        value: "folder",
        default: ".charon",
        help: "Where cluster-definition.json is written",
      },
      {
        name: "operator-enrs",
        kind: "list",
        value: "enr:…,…",
        default: [],
        help: "Each operator's ENR, as `trireme create enr` prints it",
      },
      {
        name: "operator-addresses",
        kind: "list",
        value: "0x…,…",
        default: [],
        help: "Each operator's wallet: then all of them sign the definition, and give their ENRs so",
      },
      {
        name: "creator-address",
        kind: "text",
        value: "0x…",
        default: "",
        help: "Your own wallet, which signs too; goes with --operator-addresses",
      },
      { name: "num-validators", kind: "number", default: 1, help: "How many validators" },
      ...definitionFlags,
      {
        name: "dkg-algorithm",
        kind: "text",
        default: "default",
        choices: ["default", "frost", "pedersen"],
        help: "How the keys are made; default is frost",
      },
      network("mainnet"),
      definitionVersion(fileVersions.slice(fileVersions.indexOf(FIRST_CEREMONY_VERSION))),
      ...testnet,
      json,
    ],
  },
  {
    path: ["definition", "sign"],
    help: "Sign the definition with a wallet, as operator or creator",
    examples: ["trireme definition sign --definition-file cluster-definition.json --address 0x…"],
    flags: [
      definitionFile,
      dataDir,
      keyFile,
      {
        name: "creator",
        kind: "switch",
        default: false,
        help: "Sign as the one who made the definition, not as an operator",
      },
      {
        name: "address",
        kind: "text",
        value: "0x…",
        default: "",
        help: "Your wallet; needed while the definition does not have your ENR",
      },
      {
        name: "config-signature",
        kind: "text",
        value: "0x…",
        default: "",
        help: "What the wallet made of the configuration; without it, what to sign is printed",
      },
      {
        name: "enr-signature",
        kind: "text",
        value: "0x…",
        default: "",
        help: "What the wallet made of the ENR; operators only",
      },
      {
        name: "wallet-key-file",
        kind: "text",
        value: "file",
        default: "",
        help: "Sign with the wallet key in this file instead (64 hexadecimal digits): for tests",
      },
      {
        name: "output-file",
        kind: "text",
        value: "file",
        default: "",
        help: "The signed copy; by default beside the definition, with your role in its name",
      },
      executionClient,
      ...testnet,
      json,
    ],
  },
  {
    path: ["definition", "merge"],
    arguments: "<files...>",
    help: "Put the signatures of several copies of a definition into one",
    examples: [
      "trireme definition merge cluster-definition-*.json --output-file cluster-definition-signed.json",
    ],
    flags: [
      {
        name: "output-file",
        kind: "text",
        value: "file",
        default: "",
        required: true,
        help: "The merged definition, for everybody's data folder",
      },
      executionClient,
      ...testnet,
      json,
    ],
  },
  {
    path: ["verify"],
    arguments: "[folder]",
    help: "Say whether a node's folder belongs together, and its settings",
    examples: ["trireme verify", "trireme verify /var/lib/trireme"],
    flags: [
      executionClient,
      { ...noVerify, help: "Failed checks are warnings: end with exit code 0" },
      ...testnet,
      json,
    ],
  },
];
