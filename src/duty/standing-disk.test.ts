import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { rootSigned } from "../../sim/signing.ts";

const patient = new AbortController().signal;

/** The client of an operator submits its part of the exit of the first validator. @returns the code of a refusal. */
async function submitExit({ operators, keys, spec }: DutyWorld, index: number): Promise<string | undefined> {
  const operator = operators[index];
  const [validator] = keys.cluster.validators;
  assert.ok(operator !== undefined && validator !== undefined);
  const { groupKey } = validator;
  const message = { epoch: 0, validatorIndex: 0 };
  const root = rootSigned({ kind: "exit", value: { message, signature: new Uint8Array(96) } }, spec);
  assert.ok(root !== undefined);
  const [signature] = await keys.signer(operator.index).sign([{ groupKey, root }], patient);
  assert.ok(signature !== undefined);
  const [refusal] = await operator.runner.desk.submit(
    [{ kind: "exit", slot: 0, groupKey, signed: { message, signature } }],
    patient,
  );
  return refusal?.code;
}

test("an exit that could not be written is refused, and is on disk when it comes again", async () => {
  const world = new DutyWorld(2);
  world.start();
  await world.runToSlot(1);
  const disk = world.operators[1]?.disk;
  disk?.setFailing(true);
  const refused = submitExit(world, 1);
  await world.clock.run({ forMs: 100 });
  assert.equal(await refused, "duty/unavailable");
  disk?.setFailing(false);
  const taken = submitExit(world, 1);
  await world.clock.run({ forMs: 100 });
  assert.equal(await taken, undefined);
  const notes = await disk?.noteKeys("standing/");
  assert.equal(notes?.length, 1);
});
