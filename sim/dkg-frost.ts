import { assert, concatBytes, equalBytes, type SeededRandom, seededRandom } from "../src/base/index.ts";
import { compareShown, proveShown, type Shown } from "../src/ceremony/shown.ts";
import {
  bytesToScalar,
  CURVE_ORDER,
  modOrder,
  NodeKey,
  PairingCurve,
  SecretKey,
  scalarToBytes,
  sha256,
} from "../src/crypto/index.ts";
import {
  begin,
  checkAnnouncement,
  type FrostAnnouncement,
  type FrostBegun,
  type FrostCast,
  finish,
  isLie,
  type KeyOfValidator,
  type Lie,
} from "../src/dkg/index.ts";
import { type OperatorIndex, operatorOf, type ShareIndex, shareIndexOf } from "../src/spec/index.ts";
import { type DkgRun, type End, entropyOf, flip, identity, outsideSubgroup } from "./dkg-world.ts";

const curve = await PairingCurve.load();

/** What one dealer sends to one operator. */
interface Dealt {
  readonly cast: FrostCast;
  readonly share: Uint8Array;
}

/** What a cheater has to work with. */
interface Scene {
  readonly random: SeededRandom;
  readonly cheater: ShareIndex;
  /** One of the honest. */
  readonly victim: ShareIndex;
  readonly threshold: number;
  readonly begun: ReadonlyMap<ShareIndex, FrostBegun>;
}

/** What a cheater sends in place of what it should. */
interface Cheat {
  readonly deal?: (scene: Scene) => (honest: Dealt, to: ShareIndex) => Dealt;
  readonly announce?: (scene: Scene) => (honest: FrostAnnouncement, to: ShareIndex) => FrostAnnouncement;
}

/** Changes what everybody is told. */
const casting = (change: (cast: FrostCast, scene: Scene) => Partial<FrostCast>): Cheat => ({
  deal: (scene) => {
    let made: FrostCast | undefined;
    return ({ cast, share }) => ({ cast: (made ??= { ...cast, ...change(cast, scene) }), share });
  },
});
const committing = (point: () => Uint8Array): Cheat =>
  casting(({ commitments }, { random }) => {
    const at = random.integer(commitments.length);
    return { commitments: commitments.map((one, k) => (k === at ? point() : one)) };
  });
/** Changes every share. */
const sharing = (change: (share: Uint8Array, scene: Scene, to: ShareIndex) => Uint8Array): Cheat => ({
  deal: (scene) => (honest, to) => ({ ...honest, share: change(honest.share, scene, to) }),
});
const another = ({ cheater, threshold }: Scene): FrostBegun =>
  begin({ self: cheater, operatorCount: 0, threshold, curve }, entropyOf("another"));
const announcing = (
  change: (honest: FrostAnnouncement, scene: Scene) => Partial<FrostAnnouncement>,
): Cheat => ({
  announce: (scene) => (honest) => ({ ...honest, ...change(honest, scene) }),
});

/** Everything that somebody can send wrong. */
export const frostCheats: Readonly<Record<string, Cheat>> = {
  "bad shares": sharing((share) => scalarToBytes(modOrder(bytesToScalar(share) + 1n))),
  "shares of other operators": sharing((_, { begun, cheater }) =>
    (begun.get(cheater) as FrostBegun).shareFor(cheater),
  ),
  "shares of zero": sharing(() => new Uint8Array(32)),
  "shares that are too large": sharing((share) =>
    scalarToBytes((bytesToScalar(share) + CURVE_ORDER) % (1n << 256n)),
  ),
  "shares of another length": sharing((share) => share.subarray(1)),
  "no shares": sharing(() => new Uint8Array(0)),
  "shares of an earlier session": sharing((_, scene, to) => another(scene).shareFor(to)),
  "an earlier session": {
    deal: (scene) => (honest) => ({ ...honest, cast: another(scene).cast }),
  },
  "the identity": committing(() => identity),
  "a point outside the subgroup": committing(() => outsideSubgroup),
  "rubbish for a point": committing(() => new Uint8Array(48).fill(255)),
  "a commitment to something else": committing(() => SecretKey.fromScalar(5n).publicKey()),
  "a polynomial of lower degree": casting(({ commitments }) => ({ commitments: commitments.slice(1) })),
  "a polynomial of higher degree": casting(({ commitments }) => ({
    commitments: [...commitments, commitments[0] as Uint8Array],
  })),
  "nothing committed": casting(() => ({ commitments: [] })),
  "a bad response": casting(({ wi }, { random }) => ({ wi: flip(wi, random) })),
  "a bad challenge": casting(({ ci }, { random }) => ({ ci: flip(ci, random) })),
  "an empty proof": casting(() => ({ wi: new Uint8Array(0), ci: new Uint8Array(0) })),
  "a proof of zeros": casting(() => ({ wi: new Uint8Array(32), ci: new Uint8Array(32) })),
  "another dealer's proof": casting((_, { begun, victim }) => {
    const { wi, ci } = (begun.get(victim) as FrostBegun).cast;
    return { wi, ci };
  }),
  "another dealer's cast": {
    deal:
      ({ begun, victim }) =>
      (honest) => ({ ...honest, cast: (begun.get(victim) as FrostBegun).cast }),
  },
  "one polynomial to one and another to another": {
    deal: (scene) => (honest, to) =>
      to === scene.victim ? { cast: another(scene).cast, share: another(scene).shareFor(to) } : honest,
  },
  "another validator key": announcing(() => ({ groupKey: SecretKey.fromScalar(9n).publicKey() })),
  "another public share": announcing(() => ({ publicShare: SecretKey.fromScalar(9n).publicKey() })),
  "no public share": announcing(() => ({ publicShare: new Uint8Array(0) })),
};

export function runFrost(seed: number, cheatName?: string): DkgRun {
  const random = seededRandom(seed);
  const operatorCount = 3 + random.integer(3);
  const threshold = 2 + random.integer(operatorCount - 1);
  const shares = Array.from({ length: operatorCount }, (_, i) => shareIndexOf(i as OperatorIndex));
  const paramsOf = (self: ShareIndex) => ({ self, operatorCount, threshold, curve });
  const begun = new Map(
    shares.map((self) => [self, begin(paramsOf(self), entropyOf(`seed ${seed} ${self}`))]),
  );
  const cheat = cheatName === undefined ? undefined : (frostCheats[cheatName] as Cheat);
  const cheater = cheat === undefined ? undefined : random.pick(shares);
  const honest = shares.filter((share) => share !== cheater);
  const scene =
    cheater === undefined ? undefined : { random, cheater, victim: random.pick(honest), threshold, begun };
  const changeDeal = scene === undefined ? undefined : cheat?.deal?.(scene);
  const changeAnnouncement = scene === undefined ? undefined : cheat?.announce?.(scene);

  const received = (self: ShareIndex): Map<ShareIndex, Dealt> =>
    new Map(
      [...begun].flatMap(([dealer, { cast, shareFor }]): [ShareIndex, Dealt][] => {
        if (dealer === self) return [];
        const dealt = { cast, share: shareFor(self) };
        return [[dealer, dealer === cheater ? (changeDeal?.(dealt, self) ?? dealt) : dealt]];
      }),
    );
  const all = new Map(honest.map((self) => [self, received(self)]));
  const ends = new Map<OperatorIndex, End>();
  const keys = new Map<ShareIndex, KeyOfValidator>();
  // Casts are broadcast (ceremony/broadcast.ts): one counts once every operator has signed that it was shown this very one.
  // While none comes, the honest compare what they were shown.
  const shown =
    cheater === undefined ? [] : honest.map((self) => all.get(self)?.get(cheater)?.cast as FrostCast);
  if (cheater !== undefined && shown.some((cast) => !isSameCast(cast, shown[0] as FrostCast))) {
    for (const self of honest) ends.set(operatorOf(self), { lie: compared(self, cheater) });
  } else {
    for (const self of honest) {
      const result = finish(
        paramsOf(self),
        begun.get(self) as FrostBegun,
        all.get(self) as Map<ShareIndex, Dealt>,
      );
      if (isLie(result)) ends.set(operatorOf(self), { lie: result });
      else keys.set(self, result);
    }
    for (const [self, key] of keys) ends.set(operatorOf(self), endOf(self, key));
  }
  return {
    threshold,
    cheater: cheater === undefined ? undefined : operatorOf(cheater),
    ends,
    constants: [...begun.values()].map(({ cast }) => cast.commitments[0] as Uint8Array),
  };

  /** What an operator finds when it asks the others, in their order, what they were shown. */
  function compared(self: ShareIndex, author: ShareIndex): Lie {
    const key = NodeKey.fromBytes(new Uint8Array(32).fill(author));
    const attempt = new Uint8Array(16).fill(1);
    const shownTo = (operator: ShareIndex): Shown => {
      const hash = sha256(bytesOf(all.get(operator)?.get(author)?.cast as FrostCast));
      return { hash, proof: proveShown(key, attempt, hash) };
    };
    const by = { operator: operatorOf(author), publicKey: key.publicKey, attempt };
    const [blame] = honest.flatMap((witness) => {
      const shown = { us: shownTo(self), witness: shownTo(witness) };
      return compareShown(by, operatorOf(witness), shown, "part of the keys") ?? [];
    });
    assert(blame?.code === "ceremony/lied", "two faces are seen, and proved");
    return { liar: shareIndexOf(blame.facts["operator"] as OperatorIndex), what: blame.message };
  }

  function endOf(self: ShareIndex, key: KeyOfValidator): End {
    for (const from of shares) {
      if (from === self) continue;
      const theirs = keys.get(from) ?? key; // Who cheats otherwise has come to the same key.
      const good = { groupKey: theirs.groupKey, publicShare: theirs.publicShares[from - 1] as Uint8Array };
      const announced = from === cheater ? (changeAnnouncement?.(good, self) ?? good) : good;
      const lie = checkAnnouncement(key, from, announced);
      if (lie !== undefined) return { lie };
    }
    return { key };
  }
}

const bytesOf = ({ commitments, wi, ci }: FrostCast): Uint8Array => concatBytes(...commitments, wi, ci);

const isSameCast = (a: FrostCast, b: FrostCast): boolean => equalBytes(bytesOf(a), bytesOf(b));
