import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChainSpec, type Epoch, readChainSpec } from "../src/spec/index.ts";

const recorded = (name: string): Record<string, unknown> =>
  (
    JSON.parse(readFileSync(join(import.meta.dirname, "../test/golden/duty", name), "utf8")) as {
      data: Record<string, unknown>;
    }
  ).data;

/** A mainnet-preset chain, with 6 s slots if not said; all forks up to Electra are active, and Fulu from `fuluEpoch` on (0). */
export function simChainSpec(slotsPerEpoch: number, fuluEpoch: Epoch = 0, slotMs = 6_000): ChainSpec {
  const raw = { ...recorded("spec.json"), FULU_FORK_EPOCH: String(fuluEpoch) };
  return { ...readChainSpec(raw, recorded("genesis.json") as never), slotsPerEpoch, slotMs };
}
