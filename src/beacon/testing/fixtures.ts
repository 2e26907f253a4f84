import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../../../test/golden/beacon-fulu");

/** An answer of a real beacon node (Prysm, Fulu devnet, slot 129), as it came. */
export function recorded(name: string): Buffer<ArrayBuffer> {
  return readFileSync(join(folder, name));
}

// oxlint-disable-next-line typescript/no-explicit-any -- Tests reach into recorded answers and bend them.
export function recordedJson(name: string): any {
  return JSON.parse(recorded(name).toString());
}

/** The middle of slot 129 of the recorded chain. */
export const RECORDED_NOW: number = 1_795_446_538_000 + 129 * 6_000 + 3_000;
