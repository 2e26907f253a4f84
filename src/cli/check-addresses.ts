import { DvError } from "../base/index.ts";
import type { Flag } from "./flag.ts";
import { type Chosen, shownValue, UsageError } from "./settings.ts";

/** That every address that was given can be one, before a command does anything. @throws UsageError names the flag */
export async function checkAddresses(flags: readonly Flag[], chosen: Chosen): Promise<void> {
  for (const { name, address, kind } of flags) {
    // To judge one takes the libraries of the network, which a command with our own defaults may not need.
    if (address === undefined || chosen.settings.values.get(name)?.origin === "default") continue;
    const given = kind === "list" ? chosen.list(name) : [chosen.text(name)].filter((text) => text !== "");
    for (const text of given)
      try {
        const { checkAddress } = await import("../node/index.ts"); // It loads the chain's containers, whose preset is settled now.
        await checkAddress(address, text);
      } catch (error) {
        if (!(error instanceof DvError)) throw error;
        const more = error.hint === undefined ? {} : { hint: error.hint };
        throw new UsageError("cli/usage", `--${name} has "${shownValue(text)}"`, more);
      }
  }
}
