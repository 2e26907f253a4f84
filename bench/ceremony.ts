import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { each } from "../src/base/index.ts";
import { encryptKeystore, PBKDF2_ROUNDS, SecretKey } from "../src/crypto/index.ts";
import {
  type CeremonyRun,
  type CeremonySeat,
  startCeremony,
  verifyResults,
} from "../test/interop/ceremony-cluster.ts";
import { peerProgram } from "../test/interop/peers.ts";

// Ceremonies among Charon nodes and among Trireme nodes, one after the other, FROST, with the customary keystores:
// `CHARON_BIN=… npm run bench:ceremony`, or only some sizes: `npm run bench:ceremony -- 4x100 10x100`. Linux only.
const BUILT = join(import.meta.dirname, "../dist/src/main.js");
const SIZES = [
  { operators: 4, validators: 1 },
  { operators: 4, validators: 100 },
  { operators: 4, validators: 500 },
  { operators: 4, validators: 1_000 },
  { operators: 10, validators: 100 },
] as const;
/** Of a clock tick of /proc, on every Linux that Node runs on. */
const TICK_SECONDS = 1 / 100;
const LOOK_MS = 50;

interface Figures {
  /** From the start of all programs until every operator has its lock, its key shares and its deposit data. */
  readonly wallSeconds: number;
  /**
   * What of that the keystores are. Charon: from the first keystore folder to the last keystore, at any operator. Trireme encrypts
   * them beside everything else: what they take by themselves on all processors of this machine, measured before the ceremony.
   */
  readonly keystoreSeconds: number;
  /** Of all operators together. */
  readonly cpuSeconds: number;
}

async function measure(
  seat: CeremonySeat,
  { operators, validators }: (typeof SIZES)[number],
): Promise<Figures> {
  const alone = seat === "trireme" ? await keystoresAloneSeconds(operators * validators) : undefined;
  const begun = Date.now();
  const run = await startCeremony({
    seats: Array.from({ length: operators }, () => seat),
    validators,
    algorithm: "frost",
    charon: peerProgram("CHARON_BIN").path,
    main: BUILT,
    logLevel: "info",
  });
  try {
    const cpu = run.processes.map(() => 0);
    const ended = run.over();
    let isOver = false;
    void ended.finally(() => {
      isOver = true;
    });
    let completeAt: number | undefined;
    while (!isOver) {
      for (const [i, { pid }] of run.processes.entries()) cpu[i] = cpuSeconds(pid) ?? (cpu[i] as number);
      if (completeAt === undefined && run.processes.every((_, i) => isComplete(run, i)))
        completeAt = Date.now();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    const codes = await ended;
    if (codes.some((code) => code !== 0))
      throw new Error(
        `a ceremony of ${seat} failed:\n${run.processes.map((one) => one.tail()).join("\n---\n")}`,
      );
    await verifyResults(run);
    return {
      wallSeconds: ((completeAt ?? Date.now()) - begun) / 1000,
      keystoreSeconds: alone ?? keystoreSeconds(run),
      cpuSeconds: cpu.reduce((sum, one) => sum + one, 0),
    };
  } finally {
    await run.stop();
  }
}

/** Deposit data comes last, at both programs. */
const isComplete = (run: CeremonyRun, i: number): boolean =>
  existsSync(join(run.home(i), "deposit-data.json"));

/** From a sample of a second, since each costs the same. */
async function keystoresAloneSeconds(count: number): Promise<number> {
  const entropy = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
  const key = SecretKey.fromScalar(7n);
  const sample = Array.from({ length: 32 * availableParallelism() }, () => key);
  const begun = performance.now();
  await each(sample, availableParallelism(), async (secret) => {
    await encryptKeystore(secret, "password", { rounds: PBKDF2_ROUNDS.secure, entropy });
  });
  return ((performance.now() - begun) / 1000 / sample.length) * count;
}

/** From the file system. */
function keystoreSeconds(run: CeremonyRun): number {
  const folders = run.processes.map((_, i) => join(run.home(i), "validator_keys"));
  const begins = folders.map((folder) => statSync(folder).birthtimeMs);
  const ends = folders.flatMap((folder) =>
    readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs),
  );
  return (ends.reduce((a, b) => Math.max(a, b)) - Math.min(...begins)) / 1000;
}

/** CPU time that a process has used so far; undefined once it has ended. */
function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
  } catch {
    return undefined;
  }
}

const COLUMNS = ["wall (s)", "keystores (s)", "the rest (s)", "CPU (s)"] as const;
const columnsOf = ({
  wallSeconds,
  keystoreSeconds: keystores,
  cpuSeconds: cpu,
}: Figures): readonly number[] => [wallSeconds, keystores, wallSeconds - keystores, cpu];

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(12)}${cells.map((cell) => cell.padStart(16)).join("")}\n`;
}

const charon = peerProgram("CHARON_BIN");
if (charon.skip !== false) process.stdout.write(`Charon was not measured: ${charon.skip}\n`);
const wanted = process.argv.slice(2);
for (const size of SIZES) {
  const { operators, validators } = size;
  if (wanted.length > 0 && !wanted.includes(`${operators}x${validators}`)) continue;
  process.stdout.write(`\n${operators} operators, ${validators} validators:\n${row("", COLUMNS)}`);
  const trireme = columnsOf(await measure("trireme", size));
  process.stdout.write(
    row(
      "Trireme",
      trireme.map((value) => value.toFixed(1)),
    ),
  );
  if (charon.skip !== false) continue;
  const theirs = columnsOf(await measure("charon", size));
  process.stdout.write(
    row(
      "Charon",
      theirs.map((value) => value.toFixed(1)),
    ),
  );
  process.stdout.write(
    row(
      "ratio",
      trireme.map((value, i) => (value / (theirs[i] as number)).toFixed(2)),
    ),
  );
}
