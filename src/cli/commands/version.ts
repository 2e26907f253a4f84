import { version } from "../../node/index.ts";
import type { CommandInput } from "./index.ts";

export async function printVersion({ chosen, io }: CommandInput): Promise<void> {
  io.out(
    chosen.flag("json")
      ? `${JSON.stringify({ version, node: process.version })}\n`
      : `trireme ${version} (Node ${process.version})\n`,
  );
}
