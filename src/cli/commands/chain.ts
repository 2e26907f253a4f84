import { DvError, type Hex, printable, toHex } from "../../base/index.ts";
import { type ChainOptions, formatReport, interopPublicKey, startChain } from "../../chain/index.ts";
import { readLock } from "../../cluster/index.ts";
import { type Chosen, UsageError } from "../settings.ts";
import { stopSignals } from "../stop-signals.ts";
import type { CommandInput } from "./index.ts";

/** Kinds whose misses are worth a line while it runs; the report has all that the chain judges. */
const DONE_TODAY: readonly string[] = ["attester", "proposer"];

/** Serves a simulated beacon chain until it is stopped or the epochs are over; the report goes to standard output. */
export async function chain({ chosen, io }: CommandInput): Promise<void> {
  const { validators, forkVersion, networkName } = watched(chosen);
  const slotMs = chosen.number("slot-ms");
  if (slotMs < 1000)
    throw new UsageError("cli/usage", `--slot-ms is ${slotMs}`, { hint: "Slots last at least 1000 ms." });
  const [, host = "", port] = /^(.*):(\d+)$/.exec(chosen.text("address")) ?? [];
  const genesisSeconds =
    chosen.number("genesis-timestamp") || Math.ceil(Date.now() / 1000) + chosen.number("genesis-delay");
  const running = await startChain({
    validators,
    otherValidators: chosen.number("other-validators"),
    host: host.replaceAll(/[[\]]/g, "") || "0.0.0.0",
    port: Number(port),
    slotMs,
    genesisTime: genesisSeconds * 1000,
    genesisForkVersion: forkVersion,
    networkName,
    proposers: chosen.text("proposers") as "everyone" | "watched",
    onEvent: (event) => {
      if (event.kind === "slashable") io.err(`SLASHABLE ${JSON.stringify(event.slashing)}\n`);
      if (event.kind === "missed" && DONE_TODAY.includes(event.duty))
        io.err(`missed ${event.slot}/${event.duty} of validator ${event.validator}\n`);
      if (event.kind === "refused") io.err(`refused ${printable(`${event.what}: ${event.reason}`)}\n`);
    },
  });
  io.err(
    `Beacon API at ${running.url}; ${validators.length} validators are judged; the first slot begins at ${new Date(running.network.genesisTime).toISOString()}\n`,
  );
  await finished(chosen.number("epochs"), running.network.genesisTime, slotMs * running.spec.slotsPerEpoch);
  const report = running.report();
  await running.stop();
  io.out(chosen.flag("json") ? `${JSON.stringify(report)}\n` : `${formatReport(report)}\n`);
  if (report.slashings.count > 0)
    throw new DvError("chain/slashable", `${report.slashings.count} slashable pairs were seen`);
}

/** Settles at the end of the epochs (and one slot for what was sent last), or when the process is asked to stop. */
function finished(epochs: number, genesisTime: number, epochMs: number): Promise<void> {
  return new Promise((resolve) => {
    stopSignals().signal.addEventListener("abort", () => resolve());
    if (epochs > 0) setTimeout(resolve, genesisTime + (epochs + 0.1) * epochMs - Date.now());
  });
}

/** Whose duties are judged: the validators of a lock, or the test keys. */
function watched(chosen: Chosen): {
  validators: ChainOptions["validators"];
  forkVersion: Hex;
  networkName: string;
} {
  const forkVersion = chosen.text("genesis-fork-version");
  if (chosen.text("lock-file") !== "") {
    const { definition, validators } = readLock(chosen.text("lock-file"));
    return {
      validators: validators.map((validator) => ({ pubkey: toHex(validator.publicKey) })),
      forkVersion: (forkVersion || toHex(definition.forkVersion)) as Hex,
      networkName: definition.name || "trireme-devnet",
    };
  }
  const count = chosen.number("interop-validators");
  if (count === 0)
    throw new UsageError("cli/usage", "nobody to judge", {
      hint: "Give --lock-file of a cluster, or --interop-validators.",
    });
  return {
    validators: Array.from({ length: count }, (_, i) => ({ pubkey: interopPublicKey(i) })),
    forkVersion: (forkVersion || "0x20000089") as Hex,
    networkName: "trireme-devnet",
  };
}
