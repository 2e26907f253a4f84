import { BeaconError, type BeaconNodes, createBeaconNodes } from "../beacon/index.ts";
import { silent, unmetered } from "../ports/index.ts";
import type { ChainSpec } from "../spec/index.ts";
import { systemClock } from "./clock.ts";

export interface BeaconQuestion {
  readonly endpoints: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Of the cluster lock, 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
  /** How long they may take to name their chain. */
  readonly patienceMs: number;
}

/**
 * Asks an operator's beacon nodes something, outside of a running node.
 *
 * @throws BeaconError `beacon/unavailable` with what each node said when none names the chain in time; `beacon/other-chain`;
 *   what `ask` throws.
 */
export async function withBeaconNodes<T>(
  { endpoints, headers, timeoutMs, genesisForkVersion, patienceMs }: BeaconQuestion,
  ask: (beacon: BeaconNodes, chain: ChainSpec) => Promise<T>,
): Promise<T> {
  const beacon = createBeaconNodes({
    endpoints,
    headers,
    timeoutMs,
    clock: systemClock,
    log: silent,
    meter: unmetered,
  });
  const patience = AbortSignal.timeout(patienceMs);
  try {
    const chain = await beacon.connect(genesisForkVersion, patience).catch((error: unknown) => {
      throw patience.aborted ? nobodyAnswered(beacon) : error;
    });
    return await ask(beacon, chain);
  } finally {
    await beacon.close();
  }
}

function nobodyAnswered(beacon: BeaconNodes): BeaconError {
  return new BeaconError("beacon/unavailable", "reach a beacon node", {
    facts: { nodes: beacon.status().map(({ node, lastError }) => `${node}: ${lastError || "no answer"}`) },
    hint: "Start it, or correct --beacon-node-endpoints.",
  });
}
