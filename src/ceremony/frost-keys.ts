import { PairingCurve } from "../crypto/index.ts";
import {
  begin,
  checkAnnouncement,
  type FrostBegun,
  type FrostCast,
  finish,
  type KeyOfValidator,
} from "../dkg/index.ts";
import { type OperatorIndex, type ShareIndex, shareIndexOf } from "../spec/index.ts";
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

/** What all rounds need. */
interface Rounds {
  readonly transport: KeyMakerNeeds["transport"];
  readonly post: KeyMakerNeeds["post"];
  readonly broadcast: KeyMaking["broadcast"];
  /** Ours. */
  readonly self: ShareIndex;
  /** Their numbers, from 0. */
  readonly validators: readonly number[];
  readonly signal: AbortSignal;
}

async function makeKeys(
  { definition, transport, post }: KeyMakerNeeds,
  { entropy, broadcast, onKey, signal }: KeyMaking,
): Promise<readonly MadeKey[]> {
  const self = shareIndexOf(transport.self);
  const { operatorCount } = transport;
  const params = { self, operatorCount, threshold: definition.threshold, curve: await PairingCurve.load() };
  const validators = Array.from({ length: definition.numValidators }, (_, i) => i);
  const rounds: Rounds = { transport, post, broadcast, self, validators, signal };

  const begun = await inTurns(validators, signal, () => begin(params, entropy));
  await deal(rounds, begun);
  const dealt = await Promise.all(others(transport).map((from) => receiveDealt(rounds, from)));
  const keys = await inTurns(begun, signal, (one, i) => {
    const received = dealt.map(({ dealer, casts, shares }) => {
      const [cast, share] = [casts[i] as FrostCast, shares[i] as Uint8Array];
      return [dealer, { cast, share }] as const;
    });
    const key = orThrow(finish(params, one, new Map(received)), i);
    onKey();
    return key;
  });
  await announce(rounds, keys);
  for (const from of others(transport)) await checkAnnounced(rounds, from, keys);
  return keys.map(({ groupKey, publicShares, secret }) => ({ groupKey, publicShares, share: secret }));
}

/** Round 1: what all may see, and to each its shares. */
async function deal(
  { transport, post, broadcast, self, signal }: Rounds,
  begun: readonly FrostBegun[],
): Promise<void> {
  const keyOf = (valIdx: number, targetId: number) => ({ valIdx, sourceId: self, targetId });
  const casts = begun.map(({ cast }, i) => ({ key: keyOf(i, 0), ...cast }));
  await broadcast.send(round1, FrostRound1Casts.encode({ casts }), signal);
  const sharesFor = (to: OperatorIndex): Uint8Array => {
    const id = shareIndexOf(to);
    const shares = begun.map((one, i) => ({ key: keyOf(i, id), id, value: one.shareFor(id) }));
    return FrostRound1P2P.encode({ shares });
  };
  post.keep(SHARES_MAIL, sharesFor);
  for (const to of others(transport)) post.send(to, SHARES_PROTOCOL, sharesFor(to), signal);
}

/** Round 1 of another dealer, by validator. @throws CeremonyError `ceremony/lied` */
async function receiveDealt(
  { post, broadcast, self, validators, signal }: Rounds,
  from: OperatorIndex,
): Promise<{
  readonly dealer: ShareIndex;
  readonly casts: readonly FrostCast[];
  readonly shares: readonly Uint8Array[];
}> {
  const cast = await broadcast.receive(from, round1, signal);
  const mail = await post.receive(from, SHARES_MAIL, signal);
  const casts = readFrom(from, () => FrostRound1Casts.decode(cast).casts);
  const shares = readFrom(from, () => FrostRound1P2P.decode(mail).shares);
  return {
    dealer: shareIndexOf(from),
    casts: ofEach(validators, from, 0, casts),
    shares: ofEach(validators, from, self, shares).map(({ value }) => value),
  };
}

/** Round 2: the keys that we came to. */
async function announce(
  { transport, broadcast, self, signal }: Rounds,
  keys: readonly KeyOfValidator[],
): Promise<void> {
  const casts = keys.map(({ groupKey, publicShares }, valIdx) => ({
    key: { valIdx, sourceId: self, targetId: 0 },
    verificationKey: groupKey,
    vkShare: publicShares[transport.self] as Uint8Array,
  }));
  await broadcast.send(round2, FrostRound2Casts.encode({ casts }), signal);
}

/** Round 2 of another operator. @throws CeremonyError `ceremony/lied` - it came to other keys than we. */
async function checkAnnounced(
  { broadcast, validators, signal }: Rounds,
  from: OperatorIndex,
  keys: readonly KeyOfValidator[],
): Promise<void> {
  const bytes = await broadcast.receive(from, round2, signal);
  const casts = readFrom(from, () => FrostRound2Casts.decode(bytes).casts);
  for (const [i, { verificationKey, vkShare }] of ofEach(validators, from, 0, casts).entries()) {
    const announcement = { groupKey: verificationKey, publicShare: vkShare };
    const lie = checkAnnouncement(keys[i] as KeyOfValidator, shareIndexOf(from), announcement);
    if (lie !== undefined) orThrow(lie, i);
  }
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
