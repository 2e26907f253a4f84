import { type SeededRandom, toHex } from "../src/base/index.ts";
import { type Consensus, type ConsensusValue, QBFT_PROTOCOL } from "../src/consensus/index.ts";
import { withStrayClaim } from "../src/consensus/testing/stray-claim.ts";
import {
  type AgreedKind,
  decodePartials,
  decodeUnsignedSet,
  encodePartials,
  encodeUnsignedSet,
  PARSIGEX_PROTOCOL,
  type SignedCodec,
  signedCodecs,
} from "../src/duty/index.ts";
import { PRIORITY_PROTOCOLS } from "../src/infosync/index.ts";
import type { DutyId, GroupKey } from "../src/spec/index.ts";
import type { DutyWorld } from "./duty-world.ts";

/** What no duty of a simulated world is about, and yet a value that can be read. */
const CLAIMED = encodeUnsignedSet("sync-contribution", new Map([[`0x${"c1".repeat(48)}` as GroupKey, []]]));

/**
 * What a lying operator sends: wrong partial signatures, different ones to different peers, votes that claim what no vote
 * claims, rubbish, or nothing.
 */
export function tellLies(world: DutyWorld, liar: number, random: SeededRandom): void {
  const claims = random.fork("claims");
  const key = world.nodeKeys[liar];
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== liar || random.chance(0.3)) return undefined;
    if (random.chance(0.2)) return "drop";
    if (protocol === PARSIGEX_PROTOCOL) return withWrongSignatures(message, random);
    if (protocol === QBFT_PROTOCOL && key !== undefined && claims.chance(0.2))
      return withStrayClaim(message, CLAIMED, key);
    const rubbish = (PRIORITY_PROTOCOLS as readonly string[]).includes(protocol) && message.length > 0;
    return rubbish ? message.with(random.integer(message.length), random.integer(256)) : undefined;
  });
}

function withWrongSignatures(message: Uint8Array, random: SeededRandom): Uint8Array | undefined {
  const { duty, partials } = decodePartials(message);
  if (duty.kind === "info-sync") return undefined;
  const codec = signedCodecs[duty.kind] as SignedCodec<unknown>;
  const wrong = partials.map(({ data, ...rest }) => {
    const signature = codec.signature(codec.decode(data));
    const other = signature.with(random.integer(96), random.integer(256));
    return { ...rest, data: replaced(data, signature, other) };
  });
  return encodePartials(duty, wrong);
}

/** Encodings are either SSZ, with the signature as it is, or JSON, with it in hex. */
function replaced(data: Uint8Array, old: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = Buffer.from(data);
  const at = bytes.indexOf(old);
  if (at >= 0) {
    bytes.set(other, at);
    return new Uint8Array(bytes);
  }
  return new Uint8Array(Buffer.from(bytes.toString("latin1").replace(toHex(old), toHex(other)), "latin1"));
}

/** Leads with nothing, with a part of what it should, or with something else that may pass. */
export function lyingLeader(honest: Consensus, random: SeededRandom): Consensus {
  return {
    agree(duty, how, signal) {
      const proposal = how.proposal.then((value) => lie(duty, value, random));
      return honest.agree(duty, { ...how, proposal }, signal);
    },
  };
}

function lie(duty: DutyId, value: ConsensusValue, random: SeededRandom): ConsensusValue {
  const dice = random.integer(4);
  if (dice === 0) throw new Error("says nothing");
  if (dice === 1) return value;
  const { kind } = duty;
  if (kind !== "attester" && kind !== "aggregator" && kind !== "sync-contribution" && kind !== "proposer")
    return value;
  return changed(kind, value, dice === 2 ? "less" : "other", random);
}

function changed(
  kind: AgreedKind,
  value: ConsensusValue,
  how: "less" | "other",
  random: SeededRandom,
): ConsensusValue {
  const set = new Map<never, unknown>(decodeUnsignedSet(kind, value) as ReadonlyMap<never, unknown>);
  for (const [groupKey, one] of set) {
    if (random.chance(0.5)) continue;
    if (how === "less") set.delete(groupKey);
    else set.set(groupKey, otherThan(kind, one));
  }
  return encodeUnsignedSet(kind, set as never);
}

const OTHER = new Uint8Array(32).fill(0x0b);

function otherThan(kind: AgreedKind, one: unknown): unknown {
  const { data, block, value } = one as { data: object; block: object; value: { data: object } };
  switch (kind) {
    case "attester":
      return { ...(one as object), data: { ...data, beaconBlockRoot: OTHER } };
    case "proposer":
      return { ...(one as object), block: { ...block, stateRoot: OTHER } };
    case "aggregator":
      return { ...(one as object), value: { ...value, data: { ...value.data, beaconBlockRoot: OTHER } } };
    case "sync-contribution":
      return (one as readonly object[]).map((contribution) => ({ ...contribution, beaconBlockRoot: OTHER }));
  }
}
