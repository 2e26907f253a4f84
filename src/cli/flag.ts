import type { AddressKind } from "../node/index.ts";

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
  /** Of a number that is given: the least and the most that make sense. */
  readonly range?: readonly [number, number];
  /** Of a text that is given, in UTF-8. */
  readonly bytesMax?: number;
  readonly required?: boolean;
  /** What the address, or each of them, is for; one that cannot be one is refused before anything is done. */
  readonly address?: AddressKind;
  /** Not shown by `config show`, which people send to each other. */
  readonly secret?: boolean;
}

export interface CommandRow {
  /** e.g. ["create", "cluster"] */
  readonly path: readonly string[];
  readonly help: string;
  readonly flags: readonly Flag[];
  /** Lines that can be typed as they stand, but for "…". */
  readonly examples: readonly string[];
  /** Positional arguments, as help shows them. */
  readonly arguments?: string;
}

export const dataDir: Flag = {
  name: "data-dir",
  kind: "text",
  value: "folder",
  default: ".charon",
  help: "The node's folder: key, lock, key shares, and our own state below it",
};
export const keyFile: Flag = {
  name: "private-key-file",
  kind: "text",
  value: "file",
  default: "",
  help: "The node key; by default charon-enr-private-key in the data folder",
};
export const lockFile: Flag = {
  name: "lock-file",
  kind: "text",
  value: "file",
  default: "",
  help: "The cluster lock; by default cluster-lock.json in the data folder",
};
export const testnet: readonly Flag[] = [
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
export const logs: readonly Flag[] = [
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
export const noVerify: Flag = {
  name: "no-verify",
  kind: "switch",
  default: false,
  help: "Go on when hashes or signatures of cluster files are wrong",
};
export const executionClient: Flag = {
  name: "execution-client-rpc-endpoint",
  kind: "text",
  value: "url",
  default: "",
  help: "An execution client's JSON-RPC, asked only where a wallet that signed the definition is a contract (ERC-1271)",
};
export const json: Flag = { name: "json", kind: "switch", default: false, help: "Print the result as JSON" };

export const external: readonly Flag[] = [
  {
    name: "p2p-external-ip",
    kind: "text",
    address: "ip",
    value: "ip",
    default: "",
    help: "The address that peers are told, for a node behind a router",
  },
  {
    name: "p2p-external-hostname",
    kind: "text",
    address: "hostname",
    value: "name",
    default: "",
    help: "The name that peers are told",
  },
];
