import { RLP } from "micro-eth-signer/core/rlp.js";
import { equalBytes } from "../base/index.ts";
import { keccak256, type NodeKey, verifySecp256k1 } from "../crypto/index.ts";
import { ClusterError } from "./errors.ts";

/** An Ethereum node record: an operator's public key, signed by itself. */
export interface Enr {
  /** 33 bytes, compressed secp256k1. */
  readonly publicKey: Uint8Array;
  readonly seq: bigint;
  /** Other entries by key. */
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

const TEXT_MAX = 1024;
const bad = (why: string, text: string): ClusterError =>
  new ClusterError("cluster/malformed", "read ENR", {
    facts: { why, starts: text.slice(0, 24) },
    hint: "An ENR begins with enr: and is printed by `trireme enr`.",
  });

/**
 * Reads an ENR and checks its signature.
 *
 * @throws ClusterError `cluster/malformed`
 * @spec EIP-778
 */
export function parseEnr(text: string): Enr {
  const trimmed = text.trim();
  if (!trimmed.startsWith("enr:") || trimmed.length > TEXT_MAX)
    throw bad("it does not begin with enr: or is too long", trimmed);
  const body = trimmed.slice(4).replace(/=+$/, "");
  if (!/^[A-Za-z0-9_-]+$/.test(body)) throw bad("it is not base64url", trimmed);
  let items: unknown;
  try {
    items = RLP.decode(new Uint8Array(Buffer.from(body, "base64url")));
  } catch {
    throw bad("it is not RLP", trimmed);
  }
  if (
    !Array.isArray(items) ||
    items.length < 4 ||
    items.length % 2 !== 0 ||
    !items.every((item) => item instanceof Uint8Array)
  ) {
    throw bad("it is not a list of key and value pairs", trimmed);
  }
  const [signature, seq, ...pairs] = items;
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < pairs.length; i += 2) {
    const key = Buffer.from(pairs[i] as Uint8Array).toString("latin1");
    if (entries.has(key)) throw bad(`it has the key ${key} twice`, trimmed);
    entries.set(key, pairs[i + 1] as Uint8Array);
  }
  const publicKey = entries.get("secp256k1");
  if (
    !equalBytes(entries.get("id") ?? new Uint8Array(0), new TextEncoder().encode("v4")) ||
    publicKey === undefined ||
    publicKey.length !== 33
  ) {
    throw bad("it has not the identity scheme v4 with a secp256k1 key", trimmed);
  }
  if (
    signature === undefined ||
    !verifySecp256k1(keccak256(RLP.encode(items.slice(1))), publicKey, signature)
  ) {
    throw bad("its signature is wrong", trimmed);
  }
  return { publicKey, seq: BigInt(`0x${Buffer.from(seq ?? []).toString("hex") || "0"}`), entries };
}

/**
 * The ENR of a node key, with sequence number 0, as Charon's `create enr` prints it; a relay's has its address too.
 *
 * @param at - IPv4 address (4 bytes) and TCP port.
 * @source EIP-778
 */
export function encodeEnr(key: NodeKey, at?: { readonly ip: Uint8Array; readonly tcpPort: number }): string {
  const text = new TextEncoder();
  // Sorted by key, as the standard wants it.
  const content = [
    new Uint8Array(0),
    text.encode("id"),
    text.encode("v4"),
    ...(at === undefined ? [] : [text.encode("ip"), at.ip]),
    text.encode("secp256k1"),
    key.publicKey,
    ...(at === undefined ? [] : [text.encode("tcp"), Uint8Array.of(at.tcpPort >> 8, at.tcpPort & 0xff)]),
  ];
  const signature = key.sign(keccak256(RLP.encode(content))).subarray(0, 64);
  return `enr:${Buffer.from(RLP.encode([signature, ...content])).toString("base64url")}`;
}
