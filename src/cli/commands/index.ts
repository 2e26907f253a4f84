import type { Chosen } from "../settings.ts";

/** Where words go, and the surroundings. */
export interface Io {
  readonly out: (text: string) => void;
  /** False when the text is dropped: nobody reads. */
  readonly err: (text: string) => unknown;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the terminal that shows `out`; undefined where that goes elsewhere. */
  readonly columns?: number | undefined;
}

export interface CommandInput {
  readonly chosen: Chosen;
  readonly io: Io;
  /** The positional argument; "" for commands without one. */
  readonly positional: string;
  /** All of them, for commands that take several. */
  readonly positionals: readonly string[];
}

type Runner = (input: CommandInput) => Promise<void>;

/** What each command of the table does. Loaded when it runs: printing an ENR needs no network stack, and the chain's containers have their preset by then. */
export const runners: Readonly<Record<string, Runner>> = {
  run: async (input) => (await import("./run.ts")).run(input),
  "config show": async (input) => (await import("./config-show.ts")).configShow(input),
  "create enr": async (input) => (await import("./enr.ts")).createEnr(input),
  enr: async (input) => (await import("./enr.ts")).printEnr(input),
  "create cluster": async (input) => (await import("./create-cluster.ts")).createClusterCommand(input),
  "create dkg": async (input) => (await import("./create-dkg.ts")).createDkg(input),
  "definition sign": async (input) => (await import("./definition-sign.ts")).signDefinitionCommand(input),
  "definition merge": async (input) => (await import("./definition-merge.ts")).mergeDefinitionsCommand(input),
  verify: async (input) => (await import("./verify.ts")).verifyCommand(input),
  dkg: async (input) => (await import("./dkg.ts")).dkg(input),
  combine: async (input) => (await import("./combine.ts")).combine(input),
  "slashing-protection export": async (input) =>
    (await import("./slashing-protection.ts")).exportCommand(input),
  "slashing-protection import": async (input) =>
    (await import("./slashing-protection.ts")).importCommand(input),
  "exit list": async (input) => (await import("./exit.ts")).exitList(input),
  "exit sign": async (input) => (await import("./exit.ts")).exitSign(input),
  "exit combine": async (input) => (await import("./exit.ts")).exitCombine(input),
  "exit broadcast": async (input) => (await import("./exit.ts")).exitBroadcast(input),
  test: async (input) => (await import("./test.ts")).testCommand(input),
  relay: async (input) => (await import("./relay.ts")).relay(input),
  chain: async (input) => (await import("./chain.ts")).chain(input),
  demo: async (input) => (await import("./demo.ts")).demo(input),
  version: async (input) => (await import("./version.ts")).printVersion(input),
};
