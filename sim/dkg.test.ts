import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../src/base/index.ts";
import { aggregatePublicKeys, combineUnverified, recoverSecret, verify } from "../src/crypto/index.ts";
import type { KeyOfValidator } from "../src/dkg/index.ts";
import { shareIndexOf } from "../src/spec/index.ts";
import { frostCheats, runFrost } from "./dkg-frost.ts";
import { pedersenCheats, runPedersen } from "./dkg-pedersen.ts";
import type { DkgRun } from "./dkg-world.ts";

// Goal: whoever cheats in a key generation is named by every honest operator, nobody else is, and where nobody cheats all
// come to one key that any threshold of them can use. Method: each seed draws operators, threshold, cheater and victim.
const SEEDS = Number(process.env["DKG_SEEDS"] ?? 500);

function expectNamed(run: DkgRun, name: string): void {
  const cheater = run.cheater as number;
  for (const [operator, { lie }] of run.ends) {
    assert.notEqual(operator, cheater);
    assert.equal(lie && lie.liar - 1, cheater, `${name}; operator ${operator}: ${lie?.what}`);
  }
  assert.ok(run.ends.size >= 2, name);
}

/** Any threshold signs, fewer do not, and the group key is the sum of the constant terms. */
function expectOneKey(run: DkgRun, name: string, seed: number): void {
  const random = seededRandom(seed);
  const root = new Uint8Array(32).fill(seed);
  const keys = [...run.ends].map(([operator, { key, lie }]) => {
    assert.ok(key !== undefined, `${name}: ${lie?.what}`);
    return { index: shareIndexOf(operator), key };
  });
  const first = keys[0]?.key as KeyOfValidator;
  for (const { index, key } of keys) {
    assert.deepEqual(key.groupKey, first.groupKey, name);
    assert.deepEqual(key.publicShares, first.publicShares, name);
    assert.deepEqual(key.secret.publicKey(), key.publicShares[index - 1], name);
  }
  assert.deepEqual(aggregatePublicKeys(run.constants), first.groupKey, name);
  const some = keys.toSorted(() => random.next() - 0.5);
  const signedBy = (of: typeof keys): boolean => {
    const partials = of.map(({ index, key }) => ({ index, signature: key.secret.sign(root) }));
    return verify({ publicKey: first.groupKey, root, signature: combineUnverified(partials) });
  };
  const enough = some.slice(0, run.threshold);
  assert.ok(signedBy(enough), name);
  assert.ok(!signedBy(some.slice(0, run.threshold - 1)), name);
  const whole = recoverSecret(enough.map(({ index, key }) => ({ index, secret: key.secret })));
  assert.deepEqual(whole.publicKey(), first.groupKey, name);
}

const algorithms = [
  ["frost", runFrost, frostCheats],
  ["pedersen", runPedersen, pedersenCheats],
] as const;
for (const [algorithm, run, cheats] of algorithms) {
  test(`${algorithm}: who cheats in any way is named by every honest operator, seeds 1 to ${SEEDS}`, () => {
    const names = Object.keys(cheats);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const name = names[seed % names.length] as string;
      expectNamed(run(seed, name), `seed ${seed}: ${name}`);
    }
  });

  test(`${algorithm}: honest operators come to one key that any threshold of them can use, and fewer cannot`, () => {
    for (let seed = 1; seed <= 20; seed++) expectOneKey(run(seed), `seed ${seed}`, seed);
  });
}
