import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { GroupKey } from "../spec/index.ts";
import { interchangeOf } from "./interchange.ts";
import { ValidatorMemory } from "./validator-memory.ts";
import type { SlashableVote } from "./votes.ts";

// Shrinking a history of hundreds of votes goes on for very long; a smaller one within this time will do.
const PATIENCE = { interruptAfterTimeLimit: 15_000 };
const KEY = `0x${"ab".repeat(48)}` as GroupKey;
const root = fc.integer({ min: 0, max: 2 }).map((fill) => new Uint8Array(32).fill(fill));
// Time goes on while votes scatter around it, so that most pairs touch, pruning happens, and old epochs come back.
const step = fc.record({
  forward: fc.integer({ min: 0, max: 2 }),
  back: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(200) }),
  span: fc.oneof(
    { weight: 5, arbitrary: fc.nat(2) },
    { weight: 1, arbitrary: fc.integer({ min: -1, max: 150 }) },
  ),
  block: fc.boolean(),
  signingRoot: root,
});
const votes = fc.array(step, { maxLength: 600, size: "max" }).map((steps) => {
  let now = 0;
  return steps.map(({ forward, back, span, block, signingRoot }): SlashableVote => {
    now += forward;
    const at = Math.max(0, now - back);
    return block
      ? { kind: "block", slot: at, signingRoot }
      : { kind: "attestation", source: at, target: Math.max(0, at + span), signingRoot };
  });
});

/** The chain's own rule, pair by pair. @spec phase0/beacon-chain.md#is_slashable_attestation_data */
function slashable(a: SlashableVote, b: SlashableVote): boolean {
  const same = (): boolean => Buffer.compare(a.signingRoot, b.signingRoot) === 0;
  if (a.kind === "block" || b.kind === "block") {
    return a.kind === "block" && b.kind === "block" && a.slot === b.slot && !same();
  }
  const double = a.target === b.target && !(a.source === b.source && same());
  const surround = a.source < b.source && b.target < a.target;
  return double || surround;
}

function assertHarmless(signed: readonly SlashableVote[]): void {
  for (const a of signed)
    for (const b of signed) if (slashable(a, b)) assert.fail("a slashable pair was admitted");
}

test("no history, in any order, leads to a slashable pair", () => {
  fc.assert(
    fc.property(votes, (asked) => {
      const memory = new ValidatorMemory();
      assertHarmless(asked.filter((vote) => memory.admit(vote).admitted));
    }),
    { ...PATIENCE, numRuns: 300 },
  );
});

test("votes in the order of time, each justified later than the one before, are all admitted", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ skip: fc.nat(3), lag: fc.nat(3) }), { maxLength: 200, size: "max" }),
      (steps) => {
        const memory = new ValidatorMemory();
        let [source, target] = [0, 0];
        for (const { skip, lag } of steps) {
          target += 1 + skip;
          source = Math.max(source, target - 1 - lag);
          assert.ok(
            memory.admit({ kind: "attestation", source, target, signingRoot: new Uint8Array(32) }).admitted,
          );
        }
      },
    ),
  );
});

for (const kind of ["complete", "minimal"] as const) {
  test(`a validator that comes back with a ${kind} interchange signs nothing that contradicts what it signed in either place`, () => {
    fc.assert(
      fc.property(votes, fc.nat(300), votes, (here, departure, after) => {
        const [home, abroad] = [new ValidatorMemory(), new ValidatorMemory()];
        const atHome = here.slice(0, departure).filter((vote) => home.admit(vote).admitted);
        abroad.import(home.record(KEY));
        const signedAbroad = here.slice(departure).filter((vote) => abroad.admit(vote).admitted);

        const chain = { genesisValidatorsRoot: new Uint8Array(32) };
        const file = interchangeOf({ ...chain, validators: [abroad.record(KEY)] }, kind);
        for (const record of file.validators) home.import(record);
        assertHarmless([...atHome, ...signedAbroad, ...after.filter((vote) => home.admit(vote).admitted)]);
      }),
      { ...PATIENCE, numRuns: 300 },
    );
  });
}

test("whatever an imported file says, nothing that contradicts a vote in it is signed", () => {
  fc.assert(
    fc.property(votes, votes, (listed, after) => {
      const memory = new ValidatorMemory();
      memory.import({
        pubkey: KEY,
        blocks: listed.flatMap((v) => (v.kind === "block" ? [v] : [])),
        attestations: listed.flatMap((v) => (v.kind === "attestation" ? [v] : [])),
      });
      for (const vote of after.filter((v) => memory.admit(v).admitted)) {
        // A file may contradict itself; signing again what it says was signed adds nothing to that.
        if (listed.some((old) => isDeepStrictEqual(old, vote))) continue;
        // An entry that no chain accepts (source after target) cannot be contradicted either.
        const real = listed.filter((old) => old.kind === "block" || old.source <= old.target);
        assert.ok(!real.some((old) => slashable(old, vote) || slashable(vote, old)), "contradicts the file");
      }
    }),
    { ...PATIENCE, numRuns: 300 },
  );
});

test("what is exported is as strict under the bare rule of EIP-3076 as the memory it came from", () => {
  fc.assert(
    fc.property(votes, votes, (before, after) => {
      const memory = new ValidatorMemory();
      const signed = before.filter((vote) => memory.admit(vote).admitted);
      const { attestations, blocks } = memory.record(KEY);
      const lowest = (numbers: readonly number[]): number => Math.min(...numbers);
      // A reader that only lists the entries and refuses what is below the lowest of them.
      const admits = (vote: SlashableVote): boolean => {
        if (vote.kind === "block") {
          return (
            blocks.every((b) => b.slot !== vote.slot) &&
            (blocks.length === 0 || vote.slot > lowest(blocks.map((b) => b.slot)))
          );
        }
        return (
          attestations.every((a) => a.target !== vote.target) &&
          !attestations.some((a) => a.source < vote.source && vote.target < a.target) &&
          !attestations.some((a) => vote.source < a.source && a.target < vote.target) &&
          (attestations.length === 0 ||
            (vote.source >= lowest(attestations.map((a) => a.source)) &&
              vote.target > lowest(attestations.map((a) => a.target))))
        );
      };
      for (const vote of after)
        if (admits(vote)) assert.ok(signed.every((old) => !slashable(old, vote) && !slashable(vote, old)));
    }),
    { ...PATIENCE, numRuns: 200 },
  );
});
