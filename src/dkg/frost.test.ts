import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { fromHex, type SeededRandom, seededRandom, toHex } from "../base/index.ts";
import {
  bytesToScalar,
  CURVE_ORDER,
  combineUnverified,
  modOrder,
  PairingCurve,
  recoverSecret,
  SecretKey,
  scalarToBytes,
  verify,
} from "../crypto/index.ts";
import { type ShareIndex, shareIndexOf } from "../spec/index.ts";
import {
  begin,
  checkAnnouncement,
  type FrostBegun,
  type FrostCast,
  type FrostParams,
  finish,
} from "./frost.ts";
import type { KeyOfValidator, Lie } from "./key.ts";

const G1 = bls12_381.G1.Point;
const curve = await PairingCurve.load();
const indices = (count: number): ShareIndex[] =>
  Array.from({ length: count }, (_, i) => shareIndexOf(i as never));

/** The same bytes for the same seed, as a journaled ceremony draws them. */
function entropyOf(seed: string): (bytes: number) => Uint8Array {
  let drawn = 0;
  return (bytes) =>
    new Uint8Array(createHash("sha512").update(`${seed} ${drawn++}`).digest().subarray(0, bytes));
}

const paramsOf = (self: ShareIndex, operatorCount: number, threshold: number): FrostParams => ({
  self,
  operatorCount,
  threshold,
  curve,
});

/** What one dealer sends to one operator; a cheat may change it. */
interface Dealt {
  readonly cast: FrostCast;
  readonly share: Uint8Array;
}
type Cheat = (dealt: Dealt, to: ShareIndex) => Dealt;

interface World {
  readonly begun: ReadonlyMap<ShareIndex, FrostBegun>;
  readonly results: ReadonlyMap<ShareIndex, KeyOfValidator | Lie>;
}

/** Round 1 of every operator. */
function deal(seed: string, operatorCount: number, threshold: number): ReadonlyMap<ShareIndex, FrostBegun> {
  const entry = (self: ShareIndex): [ShareIndex, FrostBegun] => [
    self,
    begin(paramsOf(self, operatorCount, threshold), entropyOf(`${seed} operator ${self}`)),
  ];
  return new Map(indices(operatorCount).map(entry));
}

/** What one operator gets of the others, one of whom may cheat. */
function dealtTo(
  self: ShareIndex,
  begun: ReadonlyMap<ShareIndex, FrostBegun>,
  cheater?: { readonly index: ShareIndex; readonly cheat: Cheat },
): Map<ShareIndex, Dealt> {
  const others = [...begun].filter(([dealer]) => dealer !== self);
  return new Map(
    others.map(([dealer, { cast, shareFor }]) => {
      const dealt = { cast, share: shareFor(self) };
      return [dealer, cheater?.index === dealer ? cheater.cheat(dealt, self) : dealt];
    }),
  );
}

/** A whole key generation among honest operators. */
function generate(seed: string, operatorCount: number, threshold: number): World {
  const begun = deal(seed, operatorCount, threshold);
  const results = [...begun].map(([self, own]) => {
    const params = paramsOf(self, operatorCount, threshold);
    return [self, finish(params, own, dealtTo(self, begun))] as const;
  });
  return { begun, results: new Map(results) };
}

function keysOf({ results }: World): KeyOfValidator[] {
  return [...results.values()].map((result) => {
    assert.ok(!("liar" in result), JSON.stringify(result));
    return result;
  });
}

test("a transcript of the library that Charon uses gives the same keys", () => {
  interface Party {
    id: number;
    wi: string;
    ci: string;
    commitments: string[];
    shares: Record<string, string>;
    groupKey: string;
    publicShare: string;
    secretShare: string;
  }
  const path = join(import.meta.dirname, "../../test/vectors/frost-kryptology.json");
  const runs = JSON.parse(readFileSync(path, "utf8")) as {
    operators: number;
    threshold: number;
    parties: Party[];
  }[];
  const hex = (text: string): Uint8Array => fromHex(`0x${text}`);
  for (const { operators, threshold, parties } of runs) {
    for (const self of parties) {
      // Our own polynomial is not in the transcript; the constant of a stand-in is taken out of the key again.
      const params = paramsOf(self.id as ShareIndex, operators, threshold);
      const name = Buffer.from([self.id]).toString("hex");
      const received = parties
        .filter(({ id }) => id !== self.id)
        .map(({ id, wi, ci, commitments, shares }): [ShareIndex, Dealt] => [
          id as ShareIndex,
          {
            cast: { wi: hex(wi), ci: hex(ci), commitments: commitments.map(hex) },
            share: hex(shares[name] as string),
          },
        ]);
      const cast = { wi: hex(self.wi), ci: hex(self.ci), commitments: self.commitments.map(hex) };
      const ownShare = scalarToBytes(
        modOrder(
          bytesToScalar(hex(self.secretShare)) -
            received.reduce((sum, [, { share }]) => sum + bytesToScalar(share), 0n),
        ),
      );
      const result = finish(params, { cast, shareFor: () => ownShare }, new Map(received));
      assert.ok(!("liar" in result), JSON.stringify(result));
      assert.equal(toHex(result.groupKey), `0x${self.groupKey}`);
      assert.equal(toHex(result.publicShares[self.id - 1] as Uint8Array), `0x${self.publicShare}`);
      assert.equal(toHex(result.secret.revealBytes()), `0x${self.secretShare}`);
      assert.equal(toHex(result.secret.publicKey()), `0x${self.publicShare}`);
      for (const other of parties)
        assert.equal(
          checkAnnouncement(result, other.id as ShareIndex, {
            groupKey: hex(other.groupKey),
            publicShare: hex(other.publicShare),
          }),
          undefined,
        );
      // And our proof is one that they accept: the challenge of their proof is what we compute.
      const forged = new Map(
        received.map(([id, dealt]) => [id, { ...dealt, cast: { ...dealt.cast, wi: dealt.cast.ci } }]),
      );
      assert.ok("liar" in finish(params, { cast, shareFor: () => ownShare }, forged));
    }
  }
});

test("all operators come to one key, whose secret is the sum of the dealt constants; any threshold signs, fewer do not", () => {
  const root = new Uint8Array(32).fill(9);
  for (const [operators, threshold] of [
    [3, 2],
    [4, 3],
    [7, 5],
  ] as const) {
    const world = generate(`honest ${operators}`, operators, threshold);
    const keys = keysOf(world);
    const [first] = keys as [KeyOfValidator];
    for (const key of keys) {
      assert.deepEqual(key.groupKey, first.groupKey);
      assert.deepEqual(key.publicShares, first.publicShares);
    }
    const constants = [...world.begun.values()].map(({ cast }) =>
      G1.fromBytes(cast.commitments[0] as Uint8Array),
    );
    const sum = constants.reduce((a, b) => a.add(b));
    assert.equal(toHex(first.groupKey), toHex(sum.toBytes(true)));
    const random = seededRandom(operators);
    const shares = keys.map(({ secret }, i) => ({ share: shareIndexOf(i as never), secret }));
    for (let round = 0; round < 5; round++) {
      const some = shares.toSorted(() => random.next() - 0.5);
      const enough = some.slice(0, threshold);
      const secret = recoverSecret(enough.map(({ share: index, secret: key }) => ({ index, secret: key })));
      assert.deepEqual(secret.publicKey(), first.groupKey);
      const combine = (of: typeof shares): Uint8Array =>
        combineUnverified(of.map(({ share: index, secret: key }) => ({ index, signature: key.sign(root) })));
      assert.ok(verify({ publicKey: first.groupKey, root, signature: combine(enough) }));
      assert.ok(
        !verify({ publicKey: first.groupKey, root, signature: combine(some.slice(0, threshold - 1)) }),
      );
    }
  }
});

test("the same entropy deals the same, as an interrupted ceremony needs it", () => {
  const params = paramsOf(2 as ShareIndex, 4, 3);
  const [a, b] = [begin(params, entropyOf("x")), begin(params, entropyOf("x"))];
  assert.deepEqual(a.cast, b.cast);
  assert.deepEqual(a.shareFor(1 as ShareIndex), b.shareFor(1 as ShareIndex));
  assert.notDeepEqual(begin(params, entropyOf("y")).cast, a.cast);
});

const flip = (bytes: Uint8Array, random: SeededRandom): Uint8Array => {
  const changed = bytes.slice();
  const at = Math.floor(random.next() * bytes.length);
  changed[at] = (changed[at] as number) ^ (1 << Math.floor(random.next() * 8));
  return changed;
};
const withPoint = (cast: FrostCast, k: number, point: Uint8Array): FrostCast => ({
  ...cast,
  commitments: cast.commitments.map((one, i) => (i === k ? point : one)),
});
const identity = Uint8Array.from([0xc0, ...new Uint8Array(47)]);
/** A point of the curve that is not in the subgroup: almost every small x has one. */
const offGroup = (() => {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; x < 100n; x++) {
    try {
      const y = Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n));
      const point = G1.fromAffine({ x, y });
      if (!point.isTorsionFree()) return point;
    } catch {
      continue; // No point of the curve has this x.
    }
  }
  throw new Error("no such point");
})();
/** 48 bytes, which noble writes of points of the subgroup only. */
function compressed(point: typeof offGroup): Uint8Array {
  const { x, y } = point.toAffine();
  const flags = (1n << 383n) | (2n * y > bls12_381.fields.Fp.ORDER ? 1n << 381n : 0n);
  return new Uint8Array(Buffer.from((flags | x).toString(16).padStart(96, "0"), "hex"));
}
const outside = compressed(offGroup);

/** Everything that a dealer can send wrong. Each must be seen by every honest operator that got it. */
const cheats: Readonly<
  Record<
    string,
    (random: SeededRandom, threshold: number, begun: ReadonlyMap<ShareIndex, FrostBegun>) => Cheat
  >
> = {
  "a bad share": (random) => (dealt) => ({ ...dealt, share: flip(dealt.share, random) }),
  "a share for another operator": () => (dealt, to) => ({
    ...dealt,
    share: scalarToBytes(modOrder(bytesToScalar(dealt.share) + BigInt(to))),
  }),
  "a share of zero": () => (dealt) => ({ ...dealt, share: new Uint8Array(32) }),
  "a share that is too large": () => (dealt) => ({
    ...dealt,
    share: scalarToBytes(bytesToScalar(dealt.share) + CURVE_ORDER).subarray(-32),
  }),
  "a share of another length": () => (dealt) => ({ ...dealt, share: dealt.share.subarray(1) }),
  "no share": () => (dealt) => ({ ...dealt, share: new Uint8Array(0) }),
  "a bad response": (random) => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, wi: flip(dealt.cast.wi, random) },
  }),
  "a bad challenge": (random) => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, ci: flip(dealt.cast.ci, random) },
  }),
  "an empty proof": () => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, wi: new Uint8Array(0), ci: new Uint8Array(0) },
  }),
  "a proof of zeros": () => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, wi: new Uint8Array(32), ci: new Uint8Array(32) },
  }),
  "another commitment to each": () => (dealt, to) => ({
    ...dealt,
    cast: withPoint(dealt.cast, 1, SecretKey.fromScalar(1000n + BigInt(to)).publicKey()),
  }),
  "the identity": (random, threshold) => (dealt) => ({
    ...dealt,
    cast: withPoint(dealt.cast, Math.floor(random.next() * threshold), identity),
  }),
  "a point outside the subgroup": (random, threshold) => (dealt) => ({
    ...dealt,
    cast: withPoint(dealt.cast, Math.floor(random.next() * threshold), outside),
  }),
  "rubbish for a point": (random, threshold) => (dealt) => ({
    ...dealt,
    cast: withPoint(dealt.cast, Math.floor(random.next() * threshold), new Uint8Array(48).fill(255)),
  }),
  "a polynomial of lower degree": () => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, commitments: dealt.cast.commitments.slice(0, -1) },
  }),
  "a polynomial of higher degree": () => (dealt) => ({
    ...dealt,
    cast: { ...dealt.cast, commitments: [...dealt.cast.commitments, SecretKey.fromScalar(5n).publicKey()] },
  }),
  "nothing committed": () => (dealt) => ({ ...dealt, cast: { ...dealt.cast, commitments: [] } }),
  "another dealer's cast under its own name": (_random, _threshold, begun) => (dealt, to) => {
    const victim = begun.get((to === 1 ? 2 : 1) as ShareIndex) as FrostBegun;
    return { cast: victim.cast, share: dealt.share };
  },
  "our own cast back to us": (_random, _threshold, begun) => (_dealt, to) => {
    const own = begun.get(to) as FrostBegun;
    return { cast: own.cast, share: own.shareFor(to) };
  },
  "shares of an earlier session": (_random, _threshold, begun) => (dealt, to) => {
    const earlier = begin(paramsOf(4 as ShareIndex, 4, 3), entropyOf("an earlier session"));
    assert.ok(begun.size > 0);
    return { ...dealt, share: earlier.shareFor(to) };
  },
};

test("a dealer that cheats in any way is named by every honest operator, and by nobody else's name", () => {
  const names = Object.keys(cheats);
  const seeds = Number(process.env["DKG_SEEDS"] ?? 500);
  const [cheater, honest] = [4 as ShareIndex, indices(3)];
  let begun = deal("cheats", 4, 3);
  for (let seed = 0; seed < seeds; seed++) {
    const random = seededRandom(seed + 1);
    const name = names[seed % names.length] as string;
    if (seed % names.length === 0) begun = deal(`seed ${seed}`, 4, 3);
    const cheat = (cheats[name] as (typeof cheats)[string])(random, 3, begun);
    // Honest operators are alike: everyone looks once at each way to cheat, then one that is drawn.
    const looking = seed < names.length ? honest : [honest[Math.floor(random.next() * 3)] as ShareIndex];
    for (const self of looking) {
      const received = dealtTo(self, begun, { index: cheater, cheat });
      const result = finish(paramsOf(self, 4, 3), begun.get(self) as FrostBegun, received);
      assert.ok("liar" in result, `seed ${seed}: ${name} was not seen`);
      assert.equal(result.liar, cheater, `seed ${seed}: ${name}`);
      assert.ok(result.what.length > 10);
    }
  }
});

test("two dealers whose bad shares cancel each other out do no harm, and each alone is named", () => {
  const begun = deal("together", 4, 3);
  const self = 1 as ShareIndex;
  const plus = (share: Uint8Array, by: bigint): Uint8Array =>
    scalarToBytes(modOrder(bytesToScalar(share) + by));
  const received = (changes: ReadonlyMap<number, bigint>): Map<ShareIndex, Dealt> =>
    new Map(
      [...dealtTo(self, begun)].map(([dealer, { cast, share }]) => [
        dealer,
        { cast, share: plus(share, changes.get(dealer) ?? 0n) },
      ]),
    );
  const finished = (changes: ReadonlyMap<number, bigint>): ReturnType<typeof finish> =>
    finish(paramsOf(self, 4, 3), begun.get(self) as FrostBegun, received(changes));
  const honest = finished(new Map());
  const together = finished(
    new Map([
      [2, 7n],
      [4, -7n],
    ]),
  );
  assert.ok(!("liar" in honest) && !("liar" in together));
  assert.deepEqual(together.publicShares, honest.publicShares);
  assert.deepEqual(together.secret.publicKey(), honest.publicShares[0]);
  const alone = [
    new Map([[4, 7n]]),
    new Map([
      [3, 1n],
      [4, 1n],
    ]),
  ].map(finished);
  assert.deepEqual(
    alone.map((lie) => "liar" in lie && lie.liar),
    [4, 3],
  );
});

test("two dealers whose points outside the subgroup cancel each other out do no harm, and each alone is named", () => {
  const begun = deal("outside together", 4, 3);
  const self = 1 as ShareIndex;
  const moved = ({ cast, share }: Dealt, by: typeof offGroup): Dealt => {
    const point = G1.fromBytes(cast.commitments[1] as Uint8Array).add(by);
    return { cast: withPoint(cast, 1, compressed(point)), share };
  };
  const finished = (changes: ReadonlyMap<number, typeof offGroup>): ReturnType<typeof finish> => {
    const received = [...dealtTo(self, begun)].map(
      ([dealer, dealt]) => [dealer, moved(dealt, changes.get(dealer) ?? G1.ZERO)] as const,
    );
    return finish(paramsOf(self, 4, 3), begun.get(self) as FrostBegun, new Map(received));
  };
  const honest = finished(new Map());
  const together = finished(
    new Map([
      [2, offGroup],
      [4, offGroup.negate()],
    ]),
  );
  assert.ok(!("liar" in honest) && !("liar" in together));
  assert.deepEqual(together.publicShares, honest.publicShares);
  assert.deepEqual(together.groupKey, honest.groupKey);
  for (const liar of [2, 3, 4]) {
    const lie = finished(new Map([[liar, offGroup]]));
    assert.ok("liar" in lie && lie.liar === liar);
    assert.match(lie.what, /no point of the group/);
  }
});

test("an operator that announces another key or another share is named", () => {
  const [key] = keysOf(generate("announce", 4, 3)) as [KeyOfValidator];
  const from = 2 as ShareIndex;
  const good = { groupKey: key.groupKey, publicShare: key.publicShares[1] as Uint8Array };
  const other = SecretKey.fromScalar(7n).publicKey();
  assert.equal(checkAnnouncement(key, from, good), undefined);
  assert.equal(checkAnnouncement(key, from, { ...good, groupKey: other })?.liar, from);
  assert.equal(checkAnnouncement(key, from, { ...good, publicShare: other })?.liar, from);
  assert.equal(
    checkAnnouncement(key, from, { ...good, publicShare: key.publicShares[0] as Uint8Array })?.liar,
    from,
  );
});
