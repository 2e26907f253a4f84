import { join } from "node:path";
import { toHex } from "../../base/index.ts";
import { createNodeKey, encodeEnr, loadNodeKey } from "../../cluster/index.ts";
import { peerIdText } from "../../node/index.ts";
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

/** Prints the ENR alone, for scripts; more of it where that is asked for. */
export async function printEnr({ chosen, io }: CommandInput): Promise<void> {
  const key = loadNodeKey(keyFile(chosen));
  const enr = encodeEnr(key);
  if (!chosen.flag("json") && !chosen.flag("verbose")) return io.out(`${enr}\n`);
  const publicKey = toHex(key.publicKey);
  const peerId = await peerIdText(key.publicKey);
  io.out(
    chosen.flag("json")
      ? `${JSON.stringify({ enr, publicKey, peerId })}\n`
      : [
          enr,
          "",
          `public key  ${publicKey}`,
          `peer id     ${peerId}`,
          "",
          "Others reach this node with, for example:",
          `  --p2p-peers /ip4/<address>/tcp/3610/p2p/${peerId}`,
          "",
        ].join("\n"),
  );
}
