import { explain } from "../base/index.ts";
import { isDialable, peerAddress } from "./addresses.ts";
import { P2pError } from "./errors.ts";
import { ADDRESSES_MAX_PER_PEER, RELAY_ANSWER_BYTES_MAX, RELAY_QUERY_TIMEOUT_MS } from "./limits.ts";
import { peerIdOf } from "./roster.ts";
import { deadline } from "./waiting.ts";

/** A relay whose place is known. */
export interface RelayPlace {
  readonly peerId: string;
  /** Plain TCP addresses, without the peer id. */
  readonly addresses: readonly string[];
}

/** What an ENR says; what `cluster.parseEnr` gives. */
export interface NodeRecord {
  /** 33 bytes, compressed secp256k1. */
  readonly publicKey: Uint8Array;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}
export type ReadEnr = (text: string) => NodeRecord;

/** How to find a relay: known once and for all, or asked for at a URL. */
export type RelaySource =
  | { readonly kind: "fixed"; readonly place: RelayPlace }
  | { readonly kind: "url"; readonly url: string };

const relayHint =
  "A relay is a URL (https://...), a multiaddr (/ip4/.../tcp/.../p2p/16Uiu2...) or an ENR (enr:...).";

/**
 * Reads a configured relay.
 *
 * @throws P2pError `p2p/bad-option`
 */
export function readRelay(text: string, readEnr: ReadEnr): RelaySource {
  const trimmed = text.trim();
  if (/^https?:\/\//.test(trimmed)) {
    if (URL.canParse(trimmed)) return { kind: "url", url: trimmed };
  } else if (trimmed.startsWith("enr:")) {
    try {
      return { kind: "fixed", place: placeOfEnr(readEnr(trimmed)) };
    } catch (cause) {
      throw new P2pError("p2p/bad-option", "read relay's ENR", { cause, hint: relayHint });
    }
  } else if (trimmed.startsWith("/")) {
    const { address, peerId } = peerAddress(trimmed, "relay");
    return { kind: "fixed", place: { peerId, addresses: [address] } };
  }
  throw new P2pError("p2p/bad-option", "read relay", {
    facts: { given: trimmed.slice(0, 128) },
    hint: relayHint,
  });
}

const notARelay = (why: string, cause?: unknown): P2pError =>
  new P2pError("p2p/relay", "find relay", { ...(cause === undefined ? {} : { cause }), facts: { why } });

/** @throws P2pError `p2p/relay` - no TCP address in the record. */
export function placeOfEnr(record: NodeRecord): RelayPlace {
  const ip = record.entries.get("ip");
  const port = record.entries.get("tcp");
  if (ip?.length !== 4 || port === undefined || port.length === 0 || port.length > 2)
    throw notARelay("its ENR has no IPv4 address with a TCP port");
  const address = `/ip4/${ip.join(".")}/tcp/${Buffer.from(port).readUIntBE(0, port.length)}`;
  if (!isDialable(address)) throw notARelay(`its address ${address} leads nowhere`);
  return { peerId: peerIdOf(record.publicKey), addresses: [address] };
}

/**
 * Asks a relay's URL where the relay is, as Charon does: a JSON array of multiaddrs of one peer, or an ENR.
 *
 * @param options.headers - Which cluster asks.
 * @throws P2pError `p2p/relay` - no answer in time, too large, or not what it should be.
 */
export async function queryRelay(
  url: string,
  options: {
    readonly headers: Readonly<Record<string, string>>;
    readonly readEnr: ReadEnr;
    readonly signal: AbortSignal;
    readonly timeoutMs?: number;
  },
): Promise<RelayPlace> {
  const limit = deadline(options.timeoutMs ?? RELAY_QUERY_TIMEOUT_MS, options.signal);
  try {
    const response = await fetch(url, { headers: options.headers, signal: limit.signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw notARelay(`its URL answered with status ${response.status}`);
    }
    const text = await readBody(response);
    return text.startsWith("enr:") ? placeOfEnr(options.readEnr(text)) : placeOfList(text);
  } catch (error) {
    if (error instanceof P2pError) throw error;
    throw notARelay(limit.signal.aborted ? "its URL did not answer in time" : explain(error), error);
  } finally {
    limit.clear();
  }
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > RELAY_ANSWER_BYTES_MAX) throw notARelay("its URL answered with too many bytes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").trim();
}

/** @throws P2pError `p2p/relay` */
export function placeOfList(text: string): RelayPlace {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw notARelay("its URL answered neither with a list nor with an ENR", cause);
  }
  const usable = (Array.isArray(list) ? list : []).flatMap((item: unknown) => {
    try {
      return typeof item === "string" ? [peerAddress(item, "relay")] : [];
    } catch {
      return []; // Relays also list transports that we do not speak.
    }
  });
  const peerIds = new Set(usable.map(({ peerId }) => peerId));
  const [peerId] = peerIds;
  if (peerId === undefined || peerIds.size !== 1)
    throw notARelay(`its URL lists TCP addresses of ${peerIds.size} peers, wanted one`);
  const addresses = [...new Set(usable.map(({ address }) => address))].slice(0, ADDRESSES_MAX_PER_PEER);
  return { peerId, addresses };
}
