import type { NodeStatus } from "../node/index.ts";
import type { DutyRecord } from "../ports/index.ts";

/** What one node answers about itself; undefined while it does not answer. */
export interface Snapshot {
  readonly status: NodeStatus;
  readonly duties: readonly DutyRecord[];
}

const TIMEOUT_MS = 1_500;
const DUTIES_ASKED = 40;

async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return answer.json();
}

/** Asks a node's monitoring port, as any dashboard would. */
export async function askNode(port: number): Promise<Snapshot | undefined> {
  try {
    const base = `http://127.0.0.1:${port}`;
    const [status, duties] = await Promise.all([
      getJson(`${base}/status`),
      getJson(`${base}/duties?limit=${DUTIES_ASKED}`),
    ]);
    return { status: status as NodeStatus, duties: duties as DutyRecord[] };
  } catch {
    return undefined;
  }
}
