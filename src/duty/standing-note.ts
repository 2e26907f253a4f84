import { DvError, fromHex, toHex } from "../base/index.ts";
import type { ChainSpec, GroupKey, ShareIndex } from "../spec/index.ts";
import { type SignedCodec, signedCodecs } from "./codec/kinds.ts";
import { integerOf, member } from "./codec/parse.ts";
import type { StandingPartial } from "./motions.ts";

// One validator's partial signatures that stand, as they lie on disk: a JSON list of slot, kind, share and Charon's encoding.

export function encodeStandingNote(partials: readonly StandingPartial[]): Uint8Array {
  const list = partials.map(({ id, partial }) => ({
    slot: id.slot,
    kind: id.kind,
    share: partial.share,
    data: toHex(partial.data),
  }));
  return new Uint8Array(Buffer.from(JSON.stringify(list)));
}

/** They were verified before they were written, and the file is under a seal. What cannot be read is left out. */
export function decodeStandingNote(
  note: Uint8Array,
  groupKey: GroupKey,
  chain: ChainSpec,
): readonly StandingPartial[] {
  const list: unknown = JSON.parse(Buffer.from(note).toString("utf8"));
  return Array.isArray(list) ? list.flatMap((item) => readItem(item, groupKey, chain) ?? []) : [];
}

function readItem(item: unknown, groupKey: GroupKey, chain: ChainSpec): StandingPartial | undefined {
  const kind = member(item, "kind");
  if (kind !== "exit" && kind !== "builder-registration") return undefined;
  try {
    const data = fromHex(String(member(item, "data")));
    const codec = signedCodecs[kind] as SignedCodec<unknown>;
    const value = codec.decode(data);
    const root = codec.signingRoot(value, chain);
    if (root === undefined) return undefined;
    const share = integerOf(member(item, "share")) as ShareIndex;
    const partial = { groupKey, share, part: 0, root, signature: codec.signature(value), data };
    return { id: { slot: integerOf(member(item, "slot")), kind }, partial };
  } catch (error) {
    if (error instanceof DvError) return undefined;
    throw error;
  }
}
