import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DutyId, GroupKey, ShareIndex } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import { type NotKept, type Partial, PartialStore } from "./partial-store.ts";

/** What may be kept for a peer, in steps, so that a few words fill it. */
const STEPS = 6;
const filler = new Uint8Array(LIMITS.bytesPerPeerMax);
const keys = ["aa", "bb", "cc"].map((byte) => `0x${byte.repeat(48)}` as GroupKey);
const [stranger] = keys.slice(-1);
const duty = (slot: number): DutyId => ({ slot, kind: "sync-contribution" });

/** A share's word on a part, told from others by its length. */
interface Word {
  readonly share: number;
  readonly slot: number;
  readonly key: number;
  readonly part: number;
  readonly steps: number;
}
const word: fc.Arbitrary<Word> = fc.record({
  share: fc.integer({ min: 1, max: 2 }),
  slot: fc.integer({ min: 1, max: 2 }),
  key: fc.integer({ min: 0, max: keys.length - 1 }),
  part: fc.integer({ min: 0, max: 1 }),
  steps: fc.integer({ min: 1, max: 3 }),
});
type Act = { readonly say: readonly Word[] } | { readonly forget: number };
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ say: fc.array(word, { minLength: 1, maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.integer({ min: 1, max: 2 }) }) },
);

const partialOf = ({ share, key, part, steps }: Word): Partial => ({
  groupKey: keys[key] as GroupKey,
  share: share as ShareIndex,
  part,
  root: new Uint8Array(32),
  signature: new Uint8Array(96),
  data: filler.subarray(0, Math.floor((steps * filler.length) / STEPS)),
});

/** The same rules over a list of all that is kept. */
class Reference {
  #kept: readonly Word[] = [];

  add(said: Word): NotKept | undefined {
    const ofShare = this.#kept.filter(({ share }) => share === said.share);
    if (keys[said.key] === stranger) return "unknown-validator";
    if (ofShare.reduce((sum, { steps }) => sum + steps, said.steps) > STEPS) return "too-many";
    const before = ofShare.find(
      ({ slot, key, part }) => slot === said.slot && key === said.key && part === said.part,
    );
    if (before !== undefined) return before.steps === said.steps ? "duplicate" : "equivocation";
    this.#kept = [...this.#kept, said];
    return undefined;
  }

  forget(slot: number): void {
    this.#kept = this.#kept.filter((one) => one.slot !== slot);
  }
}

test("whatever is said and forgotten in whatever order, a peer's room is what it has in it, and the first word stays", () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 16 }), (acts) => {
      const store = new PartialStore(keys.filter((key) => key !== stranger));
      const reference = new Reference();
      for (const one of acts) {
        if ("forget" in one) {
          store.forget(duty(one.forget));
          reference.forget(one.forget);
          continue;
        }
        const [first] = one.say;
        assert.ok(first !== undefined);
        // One message: of one share, about one duty.
        const said = one.say.map((other) => ({ ...other, share: first.share, slot: first.slot }));
        const expected = said.flatMap((other) => reference.add(other) ?? []);
        assert.deepEqual(
          store.add(duty(first.slot), first.share as ShareIndex, said.map(partialOf)),
          expected,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test("who holds as many duties as he may says more in those, and nothing in another", () => {
  const store = new PartialStore(keys);
  const small = (key: number): Partial => ({
    ...partialOf({ share: 1, slot: 1, key, part: 0, steps: 1 }),
    data: Uint8Array.of(key),
  });
  for (let slot = 0; slot < LIMITS.dutiesPerPeerMax; slot++)
    assert.deepEqual(store.add(duty(slot), 1 as ShareIndex, [small(0)]), []);
  assert.deepEqual(store.add(duty(7), 1 as ShareIndex, [small(1), small(2)]), []);
  assert.deepEqual(store.add(duty(LIMITS.dutiesPerPeerMax), 1 as ShareIndex, [small(0)]), ["too-many"]);
});
