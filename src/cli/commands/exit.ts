import { join } from "node:path";
import { counted, explain, readInput, toHex } from "../../base/index.ts";
import {
  type Cluster,
  contractQuestions,
  loadNodeKey,
  operatorOfKey,
  readLock,
  refuseExisting,
  shortKey,
  verifiedCluster,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import {
  combineExits,
  ExitError,
  type ExitFile,
  readExitFile,
  signExits,
  writeExitFile,
} from "../../exits/index.ts";
import {
  type BeaconNodes,
  type ChainSpec,
  loadKeyShares,
  type ValidatorRecord,
  withBeaconNodes,
} from "../../node/index.ts";
import { type GroupKey, ssz } from "../../spec/index.ts";
import { makeOutputFolder } from "../../storage/index.ts";
import { customNetwork } from "../definition-request.ts";
import { formatError } from "../main.ts";
import { writeNewFile } from "../new-file.ts";
import { executionEndpoint, readBeaconEndpoints, readBeaconHeaders } from "../run-config.ts";
import { type Chosen, UsageError } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** How long beacon nodes may take to name their chain. */
const PATIENCE_MS = 20_000;
/** One command's questions after that. */
const ANSWERS_MS = 60_000;
const WRITE = "write a file of exits";

/** Says which validators are on the chain, and how they stand. */
export async function exitList(input: CommandInput): Promise<void> {
  const { chosen, io } = input;
  const { cluster, ask } = await open(input);
  const records = await ask((beacon) => recordsOf(beacon, cluster));
  const rows = cluster.validators.map(({ groupKey }) => ({ groupKey, record: records.get(groupKey) }));
  if (chosen.flag("json")) {
    const list = rows.map(({ groupKey, record }) => ({
      publicKey: groupKey,
      index: record?.index ?? null,
      status: record?.status ?? "unknown",
    }));
    return io.out(`${JSON.stringify(list, null, 1)}\n`);
  }
  const width = Math.max(5, ...rows.map(({ record }) => String(record?.index ?? "–").length));
  const lines = rows.map(
    ({ groupKey, record }) =>
      `${groupKey}  ${String(record?.index ?? "–").padStart(width)}  ${record?.status ?? "not on the chain"}`,
  );
  const active = rows.filter(({ record }) => isActive(record)).length;
  io.out(`${"validator".padEnd(98)}  ${"index".padStart(width)}  status\n${lines.join("\n")}\n`);
  io.err(`${active} of ${rows.length} can be asked to leave (trireme exit sign).\n`);
}

/** Writes this operator's part of the exits. */
export async function exitSign(input: CommandInput): Promise<void> {
  const { chosen, io } = input;
  const named = [...new Set(chosen.list("validator-public-keys").map((key) => key.toLowerCase()))];
  if (named.length > 0 === chosen.flag("all"))
    throw new UsageError("cli/usage", "which validators are to leave is not said", {
      hint: "Give --validator-public-keys, or --all for all active ones of the cluster. `trireme exit list` shows them.",
    });
  const { cluster, ask } = await open(input);
  for (const key of named) requireMember(cluster, key);
  const self = operatorOfKey(
    cluster,
    loadNodeKey(inFolder(chosen, "private-key-file", "charon-enr-private-key")),
  );
  const epoch = chosen.number("exit-epoch");
  const path = chosen.textOr("output-file", `exits-operator-${self}.json`);
  refuseExisting(path, WRITE); // Before thousands of key shares are opened.
  const { leaving, exits } = await ask(async (beacon, chain) => {
    const leaving = choose(named, await recordsOf(beacon, cluster));
    io.err(`Opening key shares …\n`);
    const keysDir = inFolder(chosen, "validator-keys-dir", "validator_keys");
    const shares = await loadKeyShares(keysDir, cluster, self);
    const to = leaving.map(({ pubkey, index }) => ({ groupKey: pubkey, validatorIndex: index }));
    return { leaving, exits: signExits(chain, to, { shares, epoch }) };
  });
  const text = writeExitFile({ lockHash: toHex(cluster.lockHash), operator: self, exits });
  await writeNewFile(path, text, { what: WRITE });
  if (chosen.flag("json"))
    return io.out(
      `${JSON.stringify({ path, operator: self, epoch, validators: leaving.map(({ index }) => index) })}\n`,
    );
  io.out(
    [
      `Signed as operator ${self} of ${cluster.operators.length} in ${path}:`,
      ...leaving.map(
        ({ pubkey, index, status }) =>
          `  ${shortKey(Buffer.from(pubkey.slice(2), "hex"))}  validator ${index}, ${status}`,
      ),
      "",
      `Nothing was sent. Once ${cluster.threshold} operators have signed the same validators, whoever has their files ends these validators:`,
      "  trireme exit broadcast exits-operator-*.json --beacon-node-endpoints <url>",
      "",
    ].join("\n"),
  );
}

/** Writes whole exits down, for somebody to send one day. */
export async function exitCombine(input: CommandInput): Promise<void> {
  const { chosen, io } = input;
  const { cluster, ask } = await open(input);
  const files = input.positionals.map(readFile);
  const whole = await ask(async (_, chain) => combineExits(chain, cluster, files));
  const folder = chosen.text("output-dir");
  const exits = whole.map(({ groupKey, signed }) => ({
    path: join(folder, `exit-${groupKey}.json`),
    text: `${JSON.stringify(ssz.phase0.SignedVoluntaryExit.toJson(signed))}\n`,
  }));
  const paths = exits.map(({ path }) => path);
  for (const path of paths) refuseExisting(path, WRITE); // Before any of them is written.
  makeOutputFolder(folder, 0o700);
  for (const { path, text } of exits) await writeNewFile(path, text, { what: WRITE });
  if (chosen.flag("json")) return io.out(`${JSON.stringify({ paths })}\n`);
  io.out(
    `Wrote ${counted(whole.length, "whole exit")} to ${folder}, one file each, valid for ever. Whoever sends one to a beacon node\n(POST /eth/v1/beacon/pool/voluntary_exits) ends that validator; keep them as you keep keys.\n`,
  );
}

/** Sends exits to the chain. Those that can go, go; what was refused is told at the end. */
export async function exitBroadcast(input: CommandInput): Promise<void> {
  const { chosen, io } = input;
  const { cluster, ask } = await open(input);
  const files = input.positionals.map(readFile);
  const refused = await ask(async (beacon, chain) => {
    const whole = combineExits(chain, cluster, files);
    const failures: string[] = [];
    for (const { groupKey, validatorIndex, signed } of whole) {
      const who = `${shortKey(Buffer.from(groupKey.slice(2), "hex"))}  validator ${validatorIndex}`;
      try {
        await beacon.publishExit(signed, AbortSignal.timeout(ANSWERS_MS));
        if (!chosen.flag("json")) io.out(`${who}: exit sent\n`);
      } catch (error) {
        failures.push(`${who}: ${explain(error)}`);
      }
    }
    if (chosen.flag("json"))
      io.out(`${JSON.stringify({ sent: whole.length - failures.length, refused: failures })}\n`);
    return failures;
  });
  if (refused.length > 0)
    throw new ExitError("exits/not-active", "send all exits: some were not taken", {
      facts: { refused },
      hint: "A validator has to be active for 256 epochs before it can leave, and an exit with an epoch is not taken before it. The same command can be run again.",
    });
}

function readFile(path: string): ExitFile {
  let text: string;
  try {
    text = readInput(path);
  } catch (cause) {
    throw new ExitError("exits/bad-file", "read a file of partial exits", {
      cause,
      facts: { path },
      hint: "Name the files that `trireme exit sign` wrote.",
    });
  }
  return readExitFile(text, path);
}

/** @throws UsageError - the key is of no validator of the cluster */
function requireMember({ validators }: Cluster, key: string): void {
  if (validators.some(({ groupKey }) => groupKey === key)) return;
  throw new UsageError("cli/usage", `the cluster has no validator ${key.slice(0, 98)}`, {
    hint: "`trireme exit list` shows its validators with their whole public keys.",
  });
}

/** The validators that were named, or all that are active. @throws ExitError */
function choose(
  named: readonly string[],
  records: ReadonlyMap<GroupKey, ValidatorRecord>,
): readonly ValidatorRecord[] {
  if (named.length === 0) {
    const active = [...records.values()].filter(isActive);
    if (active.length > 0) return active;
    throw new ExitError("exits/not-active", "find validators that can leave: none is active", {
      hint: "`trireme exit list` shows how each of them stands.",
    });
  }
  return named.map((key) => {
    const record = records.get(key as GroupKey);
    if (record !== undefined && isActive(record)) return record;
    throw new ExitError("exits/not-active", "sign an exit: the validator is not active", {
      facts: { validator: key, status: record?.status ?? "not on the chain" },
      hint: "Only an active validator can leave.",
    });
  });
}

const isActive = (record: ValidatorRecord | undefined): boolean => record?.status === "active_ongoing";

async function recordsOf(
  beacon: BeaconNodes,
  cluster: Cluster,
): Promise<ReadonlyMap<GroupKey, ValidatorRecord>> {
  const keys = cluster.validators.map(({ groupKey }) => groupKey);
  const found = await beacon.validators(keys, AbortSignal.timeout(ANSWERS_MS));
  return new Map(found.map((record) => [record.pubkey, record]));
}

const inFolder = (chosen: Chosen, flag: string, name: string): string =>
  chosen.textOr(flag, join(chosen.text("data-dir"), name));

/** The cluster, verified, and a way to ask about its chain. All flags are read before anything slow is done. */
async function open({ chosen, io }: CommandInput): Promise<{
  readonly cluster: Cluster;
  readonly ask: <T>(question: (beacon: BeaconNodes, chain: ChainSpec) => Promise<T>) => Promise<T>;
}> {
  const beaconNodes = {
    endpoints: readBeaconEndpoints(chosen),
    headers: readBeaconHeaders(chosen),
    timeoutMs: Math.max(ANSWERS_MS / 6, chosen.number("beacon-node-timeout")),
    patienceMs: PATIENCE_MS,
  };
  const custom = customNetwork(chosen);
  const endpoint = executionEndpoint(chosen);
  const lock = readLock(inFolder(chosen, "lock-file", "cluster-lock.json"));
  const cluster = verifiedCluster(lock, {
    custom,
    answers: await askContracts(endpoint, contractQuestions(lock.definition, custom)),
    ...(chosen.flag("no-verify")
      ? { onUnverified: (error) => io.err(`warning: the lock does not verify. ${formatError(error, false)}`) }
      : {}),
  });
  const { forkVersion: genesisForkVersion } = cluster;
  return {
    cluster,
    ask: (question) => withBeaconNodes({ ...beaconNodes, genesisForkVersion }, question),
  };
}
