import { isIP } from "node:net";

/** Names under these belong to nobody on the public internet (RFC 6761, 6762, 8375; ICANN has set `.internal` aside). */
const RESERVED = /(^|\.)(localhost|local|internal|home\.arpa)$/;

/**
 * Whether an answer may be given under this name on a connection that came to `localAddress`.
 *
 * A page of a stranger whose name is made to mean 127.0.0.1 (DNS rebinding) has our origin in the eyes of its visitor's
 * browser, and could read everything. It cannot hide its own name in Host, so on a loopback connection only names that no
 * stranger can own will do. Elsewhere everything will: scrapers use names that we cannot know. docs/adr/0200.
 *
 * @param host - The Host header, with or without a port; a request without one comes from no browser.
 */
export function isOwnHost(host: string | undefined, localAddress: string | undefined): boolean {
  if (host === undefined || !isLoopback(localAddress ?? "")) return true;
  const [, ipv6, plain = ""] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/.exec(host.toLowerCase()) ?? [];
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  const name = plain.replace(/\.$/, "");
  return isIP(name) === 4 || /^[a-z\d_-]+$/.test(name) || RESERVED.test(name);
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}
