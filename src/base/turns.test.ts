import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "./turns.ts";

/** Turns whose rounds the test makes, and what was done in each of them. */
function played() {
  const due: (() => void)[] = [];
  const turns = new Turns<string>((give) => void due.push(give));
  const done: string[] = [];
  const ask = (who: string, piece: string): void => void turns.next(who).then(() => done.push(piece));
  /** One round of everything else. @returns What was done in it, and whether another one was asked for. */
  const round = async (): Promise<readonly string[]> => {
    for (const give of due.splice(0)) give();
    await Promise.resolve();
    return done.splice(0);
  };
  return { ask, round, asked: () => due.length };
}

test("a round has one piece, and who makes much work holds up itself and no other", async () => {
  const { ask, round } = played();
  for (const piece of ["a1", "a2", "a3"]) ask("a", piece);
  for (const piece of ["b1", "b2"]) ask("b", piece);
  ask("c", "c1");
  const rounds: (readonly string[])[] = [];
  for (let i = 0; i < 7; i++) rounds.push(await round());
  assert.deepEqual(rounds, [["a1"], ["b1"], ["c1"], ["a2"], ["b2"], ["a3"], []]);
});

test("a piece that comes after the last one waits for a round of its own, and nobody asks for rounds when nothing waits", async () => {
  const { ask, round, asked } = played();
  ask("a", "a1");
  assert.equal(asked(), 1);
  assert.deepEqual(await round(), ["a1"]);
  ask("a", "a2"); // In the same round as the piece before.
  assert.equal(asked(), 1);
  assert.deepEqual(await round(), ["a2"]);
  assert.deepEqual(await round(), []);
  assert.equal(asked(), 0);
  ask("b", "b1");
  assert.deepEqual(await round(), ["b1"]);
});
