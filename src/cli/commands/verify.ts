import { existsSync } from "node:fs";
import { join } from "node:path";
import { counted, printable, toHex } from "../../base/index.ts";
import {
  ClusterError,
  type Finding,
  type FolderReport,
  GWEI_PER_ETH,
  inspectFolder,
  networkByForkVersion,
  ranges,
  shortKey,
  type ValidatorSettings,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import { customNetwork } from "../definition-request.ts";
import { formatError } from "../main.ts";
import { executionEndpoint } from "../run-config.ts";
import type { CommandInput } from "./index.ts";

const KEYSTORES_WORTH_A_LINE = 40;

/** Says whether what is in an operator's folder belongs together, and what its validators' settings are. */
export async function verifyCommand({ chosen, io, positional }: CommandInput): Promise<void> {
  const folder = positional === "" ? ".charon" : positional;
  if (!existsSync(folder))
    throw new ClusterError("cluster/missing", "open the folder: there is none", {
      facts: { path: folder },
      hint: "Name an operator's folder: the one with cluster-lock.json in it.",
    });
  const custom = customNetwork(chosen);
  const endpoint = executionEndpoint(chosen);
  let told = 0;
  const report = await inspectFolder(folder, {
    custom,
    askContracts: (questions) => askContracts(endpoint, questions),
    onKeystore: (done, of) => {
      const tenth = Math.floor((10 * done) / of);
      if (of > KEYSTORES_WORTH_A_LINE && tenth > told) io.err(`  opened ${done} of ${of} keystores\n`);
      told = tenth;
    },
  });
  const network =
    custom?.name ?? networkByForkVersion(report.lock.definition.forkVersion)?.name ?? "an unknown network";
  const wrong = report.findings.filter(({ state }) => state === "bad");
  io.out(chosen.flag("json") ? asJson(folder, network, report) : asText(folder, network, report));
  if (wrong.length === 0) return;
  if (chosen.flag("no-verify")) {
    io.err(`warning: ${wrong.length} checks failed\n`);
    return;
  }
  throw new ClusterError(
    "cluster/shares-differ",
    `the folder ${folder} does not verify: ${wrong.length} of ${report.findings.length} checks failed`,
    { hint: "Each is explained above. Do not run a node on this folder before they are cleared up." },
  );
}

function asJson(
  folder: string,
  network: string,
  { lock, operator, findings, settings }: FolderReport,
): string {
  const { definition } = lock;
  return `${JSON.stringify(
    {
      folder,
      verified: findings.every(({ state }) => state !== "bad"),
      name: definition.name,
      network,
      version: definition.version,
      lockHash: toHex(lock.lockHash),
      operator: operator ?? null,
      operators: definition.operators.length,
      threshold: definition.threshold,
      findings: findings.map(({ name, state, says, error }) => ({
        name,
        state,
        says,
        ...(error === undefined ? {} : { code: error.code, facts: error.facts }),
      })),
      settings: settings.map(({ validators, depositAmounts, ...rest }) => ({
        validators: validators.map((i) => toHex(lock.validators[i]?.publicKey ?? new Uint8Array(0))),
        depositAmountsGwei: depositAmounts,
        ...rest,
      })),
    },
    null,
    2,
  )}\n`;
}

const marks: Readonly<Record<Finding["state"], string>> = { good: "✔", odd: "!", bad: "✘" };

function asText(
  folder: string,
  network: string,
  { lock, operator, findings, settings }: FolderReport,
): string {
  const { definition, validators } = lock;
  const width = Math.max(...findings.map(({ name }) => name.length));
  const whose = operator === undefined ? "nobody" : `operator ${operator}`;
  const cluster = definition.name === "" ? "a cluster" : `the cluster "${printable(definition.name)}"`;
  return [
    `${join(folder)}: ${whose} of ${definition.operators.length} in ${cluster} on ${network}`,
    `${counted(validators.length, "validator")}, any ${definition.threshold} operators sign; lock ${definition.version}, ${toHex(lock.lockHash)}`,
    "",
    ...findings.flatMap(({ name, state, says, error }) => [
      `  ${marks[state]} ${name.padEnd(width)}  ${printable(says)}`,
      ...(error === undefined ? [] : details(error)).map((line) => `    ${" ".repeat(width)}${line}`),
    ]),
    "",
    ...settings.flatMap((group) => [...describe(group, lock, settings.length > 1), ""]),
    ...(findings.some(({ state }) => state === "bad") ? [] : ["Everything here belongs together.", ""]),
  ].join("\n");
}

/** Facts and what to do, without the first line, which says what failed. */
const details = (error: Error): readonly string[] => formatError(error, false).trimEnd().split("\n").slice(1);

function describe(
  group: ValidatorSettings,
  { validators }: FolderReport["lock"],
  isOneOfMany: boolean,
): string[] {
  const members = group.validators;
  const few = members.length <= 4;
  const keys = few
    ? members.map((i) => shortKey(validators[i]?.publicKey ?? new Uint8Array(0))).join(", ")
    : "";
  const which = isOneOfMany
    ? `Validators ${ranges(members)}`
    : members.length === 1
      ? "The validator"
      : `All ${members.length} validators`;
  const amounts = group.depositAmounts.map((gwei) => gwei / GWEI_PER_ETH).join(", ");
  const credentials = group.compounding
    ? "credentials 0x02: compounding, up to 2,048 ETH"
    : "credentials 0x01: what exceeds 32 ETH is paid out";
  const registered =
    group.registeredAt === undefined
      ? ""
      : ` (registered as of ${new Date(group.registeredAt * 1000).toISOString().slice(0, 10)})`;
  return [
    `${which}${few ? `: ${keys}` : ""}`,
    `  withdrawals to   ${group.withdrawalAddress}, ${credentials}`,
    `  fee recipient    ${group.feeRecipient}`,
    `  deposit data     of ${amounts} ETH`,
    ...(group.gasLimit === undefined
      ? []
      : [`  gas limit        ${group.gasLimit.toLocaleString("en-US")}${registered}`]),
  ];
}
