import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { toHex } from "../base/index.ts";
import type { Logger } from "../ports/index.ts";
import { P2pError } from "./errors.ts";

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const ADDRESSES_PER_RELAY_MAX = 16;

/** A multiaddr that names its peer. @throws P2pError `p2p/bad-address` */
export function parseAddress(text: string, what: string): Multiaddr {
  try {
    const address = multiaddr(text);
    if (peerOf(address) !== undefined) return address;
  } catch {
    // Said below.
  }
  throw new P2pError("p2p/bad-address", `read ${what}`, {
    facts: { found: text.slice(0, 120) },
    hint: "Give a multiaddr that ends with the peer id, e.g. /ip4/203.0.113.7/tcp/3610/p2p/16Uiu2…",
  });
}

/** The peer id at the end of an address. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === "p2p")?.value;
}

/** Whether an entry of --p2p-relays is asked over HTTP for its addresses. */
export const isUrl = (entry: string): boolean => /^https?:\/\//.test(entry);

/**
 * Addresses of a relay. URLs are asked with the cluster's name, as Charon's relays expect; the answer is a JSON array of
 * multiaddrs.
 */
export async function resolveRelay(
  entry: string,
  lockHash: Uint8Array,
  log: Logger,
  signal: AbortSignal,
): Promise<readonly Multiaddr[]> {
  if (!isUrl(entry)) return [parseAddress(entry, "a relay address")];
  if (entry.startsWith("http://")) log.debug("Relay is asked without encryption", { relay: entry });
  const answer = await fetch(entry, {
    headers: { "charon-cluster": toHex(lockHash).slice(2) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    redirect: "follow",
  });
  if (!answer.ok || answer.body === null)
    throw new P2pError("p2p/unreachable", "ask the relay for its addresses", {
      facts: { relay: entry, status: answer.status },
    });
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of answer.body) {
    text += decoder.decode(part, { stream: true });
    if (text.length > ANSWER_BYTES_MAX)
      throw new P2pError("p2p/refused", "ask the relay for its addresses", {
        facts: { relay: entry, reason: "too-large" },
      });
  }
  const list = JSON.parse(text) as unknown;
  if (!Array.isArray(list))
    throw new P2pError("p2p/refused", "ask the relay for its addresses", {
      facts: { relay: entry, reason: "not a list of addresses" },
    });
  return list
    .slice(0, ADDRESSES_PER_RELAY_MAX)
    .map((one) => parseAddress(String(one), "an address of the relay"));
}
