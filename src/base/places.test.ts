import assert from "node:assert/strict";
import { test } from "node:test";
import { Places } from "./places.ts";

test("of too many it is the largest of the address with the most that goes, and the others stay", () => {
  const places = new Places(100);
  const gone: string[] = [];
  const take = (name: string, count: number): (() => void) =>
    places.take(name.split("/")[0] as string, count, () => gone.push(name));
  take("a/small", 5);
  take("a/large", 40);
  take("b/all", 44);
  take("b/few", 2);
  assert.deepEqual(gone, []);
  take("c/new", 20);
  assert.deepEqual(gone, ["b/all"], "b had 46 and a 45");
  assert.equal(places.taken, 67);
});

test("who comes for more than there are leaves at once, and who gave his places back is not told to leave", () => {
  const places = new Places(10);
  const gone: string[] = [];
  const giveBack = places.take("a", 6, () => gone.push("first"));
  giveBack();
  giveBack();
  assert.equal(places.taken, 0);
  places.take("a", 11, () => gone.push("too many"))();
  assert.deepEqual(gone, ["too many"]);
  assert.equal(places.taken, 0);
});
