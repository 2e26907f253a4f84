import { explain, printable, readBounded, urlFromHere } from "../base/index.ts";
import { readAddress } from "../http/index.ts";
import type { Verdict } from "./preflight-verdicts.ts";

const PATIENCE_MS = 3_000;
const ANSWER_BYTES_MAX = 1_000_000;
const STATES: Readonly<Record<string, Verdict["state"]>> = { bad: "bad", warning: "odd", note: "odd" };

/**
 * What the node that runs on a folder says of itself on its monitoring port, as verdicts. Never fails: a node that does not
 * answer may have another address than these flags say.
 */
export async function askRunningNode(
  monitoringAddress: string,
  lockHash: string,
  patienceMs: number = PATIENCE_MS,
): Promise<readonly Verdict[]> {
  try {
    const page = `${urlFromHere(readAddress(monitoringAddress))}/`;
    const { body } = await fetch(`${page}status`, { signal: AbortSignal.timeout(patienceMs) });
    const bytes = body === null ? new Uint8Array() : await readBounded(body, ANSWER_BYTES_MAX);
    return judgeRunning(JSON.parse(new TextDecoder().decode(bytes)), { page, lockHash });
  } catch (error) {
    return [
      {
        name: "node",
        state: "odd",
        says: `a node runs on this folder, and does not answer at ${monitoringAddress} (${explain(error)})`,
        advice: "Give the --monitoring-address that it was started with.",
      },
    ];
  }
}

/** @param status - What came, from whatever listens there. */
export function judgeRunning(
  status: unknown,
  { page, lockHash }: { readonly page: string; readonly lockHash: string },
): readonly Verdict[] {
  const { cluster, findings } = (status ?? {}) as {
    readonly cluster?: { readonly lockHash?: unknown } | null;
    readonly findings?: unknown;
  };
  if (cluster?.lockHash !== lockHash || !Array.isArray(findings))
    return [
      {
        name: "node",
        state: "odd",
        says: `a node runs on this folder, and what answers at ${page} is not of its cluster`,
        advice: "Give the --monitoring-address that it was started with.",
      },
    ];
  if (findings.length === 0)
    return [
      { name: "node", state: "good", says: `runs here, and says that all is well; its page is ${page}` },
    ];
  return (findings as readonly Readonly<Record<string, unknown>>[]).map(({ level, what, advice }) => ({
    name: "node",
    state: STATES[String(level)] ?? "odd",
    says: printable(String(what)).replace(/\.$/, ""),
    advice: printable(String(advice)),
  }));
}
