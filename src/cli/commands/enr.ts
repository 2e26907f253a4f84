import { join } from "node:path";
import { createNodeKey, encodeEnr, loadNodeKey } from "../../cluster/index.ts";
import type { Chosen } from "../settings.ts";
import type { CommandInput } from "./index.ts";

const keyFile = (chosen: Chosen): string =>
  chosen.textOr("private-key-file", join(chosen.text("data-dir"), "charon-enr-private-key"));

/** Makes the node key and prints its ENR, which the others need. */
export async function createEnr({ chosen, io }: CommandInput): Promise<void> {
  const path = keyFile(chosen);
  const key = await createNodeKey(path);
  io.err(
    `Made the node key ${path}. Back it up now: without it this operator cannot take part in its cluster.\nGive the others this ENR:\n`,
  );
  io.out(`${encodeEnr(key)}\n`);
}

export async function printEnr({ chosen, io }: CommandInput): Promise<void> {
  const key = loadNodeKey(keyFile(chosen));
  io.out(
    chosen.flag("json")
      ? `${JSON.stringify({ enr: encodeEnr(key), publicKey: `0x${Buffer.from(key.publicKey).toString("hex")}` })}\n`
      : `${encodeEnr(key)}\n`,
  );
}
