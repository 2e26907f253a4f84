import { type CommandRow, dataDir, type Flag, json, keyFile, lockFile, noVerify, testnet } from "./flag.ts";
import { runFlags } from "./run-flags.ts";

const ofRun = (...names: readonly string[]): Flag[] => runFlags.filter(({ name }) => names.includes(name));
const cluster: readonly Flag[] = [dataDir, lockFile];
const beaconNodes = ofRun("beacon-node-endpoints", "beacon-node-headers", "beacon-node-timeout");
const verification: readonly Flag[] = [...ofRun("execution-client-rpc-endpoint"), noVerify, ...testnet];

/** Commands that end validators. */
export const exitCommands: readonly CommandRow[] = [
  {
    path: ["exit", "list"],
    help: "List the cluster's validators with what the chain knows of them",
    examples: ["trireme exit list --beacon-node-endpoints http://localhost:5052"],
    flags: [...cluster, ...beaconNodes, ...verification, json],
  },
  {
    path: ["exit", "sign"],
    help: "Sign exits as this operator, into a file; sends nothing",
    examples: [
      "trireme exit sign --validator-public-keys 0x… --beacon-node-endpoints http://localhost:5052",
      "trireme exit sign --all --beacon-node-endpoints http://localhost:5052",
    ],
    flags: [
      ...cluster,
      keyFile,
      ...ofRun("validator-keys-dir"),
      {
        name: "validator-public-keys",
        kind: "list",
        value: "0x…,…",
        default: [],
        help: "Validators that are to leave; instead of --all",
      },
      { name: "all", kind: "switch", default: false, help: "All active validators of the cluster" },
      {
        name: "exit-epoch",
        kind: "number",
        default: 0,
        help: "From when on the exit is valid, the same for all operators; 0 is always",
      },
      {
        name: "output-file",
        kind: "text",
        value: "file",
        default: "",
        help: "Where to; by default exits-operator-<number>.json",
      },
      ...beaconNodes,
      ...verification,
      json,
    ],
  },
  {
    path: ["exit", "combine"],
    arguments: "<files...>",
    help: "Put operators' files together to whole exits, and keep them",
    examples: [
      "trireme exit combine exits-operator-*.json --output-dir exits --beacon-node-endpoints http://localhost:5052",
    ],
    flags: [
      ...cluster,
      {
        name: "output-dir",
        kind: "text",
        value: "folder",
        default: "exits",
        help: "Where exits are written, a file for each validator",
      },
      ...beaconNodes,
      ...verification,
      json,
    ],
  },
  {
    path: ["exit", "broadcast"],
    arguments: "<files...>",
    help: "Put operators' files together and send the exits, for good",
    examples: ["trireme exit broadcast exits-operator-*.json --beacon-node-endpoints http://localhost:5052"],
    flags: [...cluster, ...beaconNodes, ...verification, json],
  },
];
