import { isIP } from "node:net";
import { CODE_P2P, type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { P2pError } from "./errors.ts";

/** Where an address leads: to this machine, this site, one link only, anywhere, or by a name to where we cannot tell. */
export type Scope = "loopback" | "private" | "link-local" | "public" | "name" | "unusable";

const badOption = (what: string, text: string, hint: string, cause?: unknown): P2pError =>
  new P2pError("p2p/bad-option", `read ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    facts: { given: text.slice(0, 128) },
    hint,
  });

/**
 * A TCP address as multiaddr: from "host:port", "[::1]:port", a DNS name with port, or a multiaddr that begins with "/".
 *
 * @throws P2pError `p2p/bad-option`
 */
export function tcpAddress(text: string, what: string): Multiaddr {
  const hint = "Write it as 1.2.3.4:3610, [2001:db8::1]:3610, host.example:3610 or /ip4/1.2.3.4/tcp/3610.";
  if (text.startsWith("/")) {
    const address = parse(text, what, hint);
    if (!/^\/[a-z0-9]+\/[^/]+\/tcp\/\d+$/.test(address.toString())) throw badOption(what, text, hint);
    return address;
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw badOption(what, text, hint);
  const kind =
    match?.[1] === undefined ? (isIP(host) === 4 ? "ip4" : "dns") : isIP(host) === 6 ? "ip6" : undefined;
  // No name ends in a number, so this is a mistyped IP address.
  if (kind === undefined || (kind === "dns" && /(^|\.)\d+\.?$/.test(host))) throw badOption(what, text, hint);
  return parse(`/${kind}/${host}/tcp/${port}`, what, hint);
}

function parse(text: string, what: string, hint: string): Multiaddr {
  try {
    const address = multiaddr(text);
    if (address.getComponents().length > 0) return address;
  } catch (cause) {
    throw badOption(what, text, hint, cause);
  }
  throw badOption(what, text, hint);
}

/**
 * A multiaddr that names its peer: address without the /p2p part, and the peer id as text.
 *
 * @throws P2pError `p2p/bad-option`
 */
export function peerAddress(
  text: string,
  what: string,
): { readonly address: string; readonly peerId: string } {
  const hint = "Write it as /ip4/1.2.3.4/tcp/3610/p2p/16Uiu2...";
  const whole = parse(text, what, hint);
  const last = whole.getComponents().at(-1);
  const suffix = `/p2p/${last?.value ?? ""}`;
  const address = whole.toString().slice(0, -suffix.length);
  if (last?.code !== CODE_P2P || last.value === undefined || !isDialable(address))
    throw badOption(what, text, hint);
  return { address, peerId: last.value };
}

/** Whether it is a plain TCP address (no relay, no other transport, no peer id) that names a place. */
export function isDialable(text: string): boolean {
  return scopeOf(text) !== "unusable";
}

/** "unusable" for everything that is not a plain TCP address to one host. */
export function scopeOf(text: string): Scope {
  let parts: string[];
  try {
    parts = multiaddr(text).toString().split("/");
  } catch {
    return "unusable";
  }
  const [empty, kind, host = "", transport, port] = parts;
  if (empty !== "" || parts.length !== 5 || transport !== "tcp" || Number(port) === 0) return "unusable";
  if (kind === "dns" || kind === "dns4" || kind === "dns6")
    return /(^|\.)localhost\.?$/i.test(host) ? "loopback" : "name";
  if (kind === "ip4") return scopeOfIp4(host);
  if (kind === "ip6") return scopeOfIp6(host);
  return "unusable";
}

function scopeOfIp4(host: string): Scope {
  const [a = 0, b = 0] = host.split(".").map(Number);
  if (a === 127) return "loopback";
  if (a === 0 || a >= 224) return "unusable";
  if (a === 169 && b === 254) return "link-local";
  const isPrivate =
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128);
  return isPrivate ? "private" : "public";
}

function scopeOfIp6(host: string): Scope {
  const address = host.toLowerCase();
  if (address === "::1") return "loopback";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped?.[1] !== undefined) return scopeOfIp4(mapped[1]);
  if (address === "::" || address.startsWith("ff") || address.startsWith("::ffff:")) return "unusable";
  if (/^fe[89ab]/.test(address)) return "link-local";
  return /^f[cd]/.test(address) ? "private" : "public";
}

/**
 * Whose address a connection comes from, as far as it counts for limits: the IP address, of IPv6 the half that one customer
 * has; of a circuit the peer at its other end.
 */
export function hostOf(address: string): string {
  const circuit = address.indexOf("/p2p-circuit/p2p/");
  if (circuit >= 0) return address.slice(circuit + "/p2p-circuit/p2p/".length);
  const [, kind, host = ""] = address.split("/");
  if (kind !== "ip6" || host.startsWith("::")) return host;
  return host.split("::")[0]?.split(":").slice(0, 4).join(":") ?? host;
}

/**
 * Addresses that a peer says it listens on, as far as we want to dial them: at most `max`, no other machine's loopback, no
 * link-local ones (cloud machines answer there with secrets), public ones first.
 *
 * @param via - Address of the connection on which it said so.
 */
export function credibleAddresses(claimed: readonly string[], via: string, max: number): readonly string[] {
  const sameMachine = scopeOf(`/${via.split("/").slice(1, 5).join("/")}`) === "loopback";
  const order: readonly Scope[] = ["public", "name", "private", "loopback"];
  return [...new Set(claimed.slice(0, 64))]
    .map((address) => ({ address, rank: order.indexOf(scopeOf(address)) }))
    .filter(({ rank }) => rank >= 0 && (sameMachine || order[rank] !== "loopback"))
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, max)
    .map(({ address }) => address);
}
