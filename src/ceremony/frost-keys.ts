import { PairingCurve } from "../crypto/index.ts";
import { begin, checkAnnouncement, type FrostCast, finish, type KeyOfValidator } from "../dkg/index.ts";
import { type OperatorIndex, shareIndexOf } from "../spec/index.ts";
import { type BroadcastKind, others } from "./broadcast.ts";
import { lied } from "./errors.ts";
import { inTurns } from "./in-turns.ts";
import type { KeyMaker, KeyMakerNeeds, KeyMaking } from "./key-makers.ts";
import { orThrow, readFrom } from "./lies.ts";
import { MESSAGE_LIMITS } from "./limits.ts";
import type { MadeKey } from "./make-keys.ts";
import { FrostRound1Casts, FrostRound1P2P, FrostRound2Casts } from "./wire.ts";

const round1: BroadcastKind = { id: "/charon/dkg/frost/2.0.0/round1/cast", type: "FrostRound1Casts" };
const round2: BroadcastKind = { id: "/charon/dkg/frost/2.0.0/round2/cast", type: "FrostRound2Casts" };
const SHARES_PROTOCOL = "/charon/dkg/frost/2.0.0/round1/p2p";
const SHARES_MAIL = "frost/round1/shares";

export function frostKeys(needs: KeyMakerNeeds): KeyMaker {
  needs.transport.handle(SHARES_PROTOCOL, MESSAGE_LIMITS, async (from, bytes) => {
    FrostRound1P2P.decode(bytes);
    await needs.mailbox.deliver(from, SHARES_MAIL, bytes);
    return undefined;
  });
  return { broadcasts: [round1, round2], make: (making) => makeKeys(needs, making) };
}

async function makeKeys(
  { definition, transport, post }: KeyMakerNeeds,
  { entropy, broadcast, onKey, signal }: KeyMaking,
): Promise<readonly MadeKey[]> {
  const self = shareIndexOf(transport.self);
  const { operatorCount } = transport;
  const params = { self, operatorCount, threshold: definition.threshold, curve: await PairingCurve.load() };
  const validators = Array.from({ length: definition.numValidators }, (_, i) => i);

  const begun = await inTurns(validators, signal, () => begin(params, entropy));
  const keyOf = (valIdx: number) => ({ valIdx, sourceId: self, targetId: 0 });
  const casts = begun.map(({ cast }, valIdx) => ({ key: keyOf(valIdx), ...cast }));
  await broadcast.send(round1, FrostRound1Casts.encode({ casts }), signal);
  const sharesFor = (to: OperatorIndex): Uint8Array => {
    const id = shareIndexOf(to);
    return FrostRound1P2P.encode({
      shares: begun.map((one, valIdx) => ({
        key: { ...keyOf(valIdx), targetId: id },
        id,
        value: one.shareFor(id),
      })),
    });
  };
  post.keep(SHARES_MAIL, sharesFor);
  for (const to of others(transport)) post.send(to, SHARES_PROTOCOL, sharesFor(to), signal);

  const dealt = await Promise.all(
    others(transport).map(async (from) => {
      const cast = await broadcast.receive(from, round1, signal);
      const shares = await post.receive(from, SHARES_MAIL, signal);
      return {
        dealer: shareIndexOf(from),
        casts: ofEach(
          validators,
          from,
          0,
          readFrom(from, () => FrostRound1Casts.decode(cast).casts),
        ),
        shares: ofEach(
          validators,
          from,
          self,
          readFrom(from, () => FrostRound1P2P.decode(shares).shares),
        ),
      };
    }),
  );
  const keys = await inTurns(begun, signal, (one, i) => {
    const received = dealt.map(
      ({ dealer, casts: cast, shares }) =>
        [dealer, { cast: cast[i] as FrostCast, share: shares[i]?.value as Uint8Array }] as const,
    );
    const key = orThrow(finish(params, one, new Map(received)), i);
    onKey();
    return key;
  });

  const announced = keys.map(({ groupKey, publicShares }, valIdx) => ({
    key: keyOf(valIdx),
    verificationKey: groupKey,
    vkShare: publicShares[transport.self] as Uint8Array,
  }));
  await broadcast.send(round2, FrostRound2Casts.encode({ casts: announced }), signal);
  for (const from of others(transport)) {
    const bytes = await broadcast.receive(from, round2, signal);
    const theirs = ofEach(
      validators,
      from,
      0,
      readFrom(from, () => FrostRound2Casts.decode(bytes).casts),
    );
    for (const [i, { verificationKey, vkShare }] of theirs.entries()) {
      const key = keys[i] as KeyOfValidator;
      const announcement = { groupKey: verificationKey, publicShare: vkShare };
      const lie = checkAnnouncement(key, shareIndexOf(from), announcement);
      if (lie !== undefined) orThrow(lie, i);
    }
  }
  return keys.map(({ groupKey, publicShares, secret }) => ({ groupKey, publicShares, share: secret }));
}

/** What a message holds for each validator, exactly once, under its author's name. @throws CeremonyError `ceremony/lied` */
function ofEach<T extends { key: { valIdx: number; sourceId: number; targetId: number } | undefined }>(
  validators: readonly number[],
  from: OperatorIndex,
  to: number,
  items: readonly T[],
): readonly T[] {
  const byValidator = new Map<number, T>();
  for (const item of items) {
    const { key } = item;
    if (key === undefined || key.sourceId !== shareIndexOf(from) || key.targetId !== to)
      throw lied(from, "has sent a round under another name");
    if (byValidator.has(key.valIdx)) throw lied(from, `has sent validator ${key.valIdx} twice in a round`);
    byValidator.set(key.valIdx, item);
  }
  const sorted = validators.map((i) => byValidator.get(i)).filter((item) => item !== undefined);
  if (sorted.length !== validators.length || items.length !== validators.length)
    throw lied(from, `has sent ${items.length} validators in a round, of ${validators.length}`);
  return sorted;
}
