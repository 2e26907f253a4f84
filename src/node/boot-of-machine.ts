import { readFileSync } from "node:fs";

/**
 * Names this boot of this machine: the same for all its containers, and another one after every start of the machine.
 * Undefined on systems other than Linux, and where it is hidden.
 */
export function bootOfMachine(): string | undefined {
  try {
    const name = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return name === "" ? undefined : name;
  } catch {
    return undefined;
  }
}
