import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { fromHex } from "../base/index.ts";
import { type Submission, silent } from "../ports/index.ts";
import {
  domainAt,
  type GroupKey,
  type OperatorIndex,
  type phase0,
  type ShareIndex,
  signingRoot,
  ssz,
} from "../spec/index.ts";
import { signedCodecs } from "./codec/kinds.ts";
import { decodePartials, encodePartials } from "./codec/sets.ts";
import type { DutyContext } from "./context.ts";
import { PARSIGEX_PROTOCOL } from "./exchange.ts";
import { Standing, type StandingContext } from "./standing.ts";
import { decodeStandingNote } from "./standing-note.ts";

// Exits and registrations that operators leave at their nodes one after the other, with restarts and failing disks between.

const never = new AbortController().signal;
const EPOCH = 1;

async function scene(seed: number): Promise<{ world: DutyWorld; groupKey: GroupKey; index: number }> {
  const world = new DutyWorld(seed);
  world.start();
  await world.runToSlot(8);
  const [duty] = world.chain.attesterDuties(1);
  assert.ok(duty !== undefined);
  return { world, groupKey: duty.pubkey, index: duty.validatorIndex };
}

/** One operator's signature of the exit, at his own node; the world goes on for a second. */
async function leave(
  { world, groupKey, index }: Awaited<ReturnType<typeof scene>>,
  operator: number,
  more: { readonly epoch?: number; readonly signer?: number } = {},
): Promise<string | undefined> {
  const { epoch = EPOCH, signer = operator } = more;
  const message = { epoch, validatorIndex: index };
  const root = signingRoot(
    ssz.phase0.VoluntaryExit.hashTreeRoot(message),
    domainAt(world.spec, "exit", epoch),
  );
  const [signature] = await world.keys.signer(signer as OperatorIndex).sign([{ groupKey, root }], never);
  const item: Submission = {
    kind: "exit",
    slot: epoch * world.spec.slotsPerEpoch,
    groupKey,
    signed: { message, signature: signature as Uint8Array },
  };
  const verdicts = world.operators[operator]?.runner.desk.submit([item], never);
  await world.clock.run({ forMs: 1_000 });
  return (await verdicts)?.[0]?.code;
}

const exits = (world: DutyWorld): readonly phase0.SignedVoluntaryExit[] =>
  world.operators.flatMap(({ beacon }) => beacon.exits);

async function sharesOnDisk(world: DutyWorld, operator: number, groupKey: GroupKey): Promise<number[]> {
  const reading = world.operators[operator]?.disk.readNote(`standing/${groupKey}`);
  await world.clock.run({ forMs: 10 });
  const note = await reading;
  return note === undefined
    ? []
    : decodeStandingNote(note, groupKey, world.spec)
        .map(({ partial }) => partial.share)
        .toSorted((a, b) => a - b);
}

test("an exit leaves when a threshold of operators has signed it for the same epoch, and not before", async () => {
  const made = await scene(51);
  const { world } = made;
  assert.equal(await leave(made, 0), undefined);
  assert.equal(await leave(made, 1), undefined);
  assert.equal(await leave(made, 2, { epoch: 2 }), undefined);
  assert.equal(await leave(made, 3, { signer: 2 }), "duty/wrong-share");
  assert.equal(exits(world).length, 0);
  assert.equal(await leave(made, 3), undefined);
  assert.ok(exits(world).length > 0);
  for (const exit of exits(world)) assert.equal(exit.message.epoch, EPOCH);
});

test("a node that was killed still has its own signature and its peers', and sends its own again", async () => {
  const made = await scene(52);
  const { world, groupKey } = made;
  await leave(made, 0);
  await leave(made, 1);
  assert.deepEqual(await sharesOnDisk(world, 0, groupKey), [1, 2]);
  world.crash(0);
  await world.clock.run({ forMs: 1_000 });
  world.restart(0);
  const [restarted] = world.operators;
  assert.ok(restarted !== undefined);
  // A peer's signature comes while the node knows nothing of duties yet: it must not take the place of the notes.
  restarted.beacon.down = true;
  assert.equal(await leave(made, 1, { epoch: 2 }), undefined);
  restarted.beacon.down = false;
  await world.runToSlot(10);
  assert.deepEqual(await sharesOnDisk(world, 0, groupKey), [1, 2, 2]);
  assert.equal(await leave(made, 3), undefined);
  assert.ok(exits(world).some(({ message }) => message.epoch === EPOCH));
});

test("notes that cannot be read are not written over, and read when the disk is well again", async () => {
  const made = await scene(53);
  const { world, groupKey } = made;
  await leave(made, 0);
  await leave(made, 1);
  world.crash(0);
  world.operators[0]?.disk.setFailing(true);
  world.restart(0);
  assert.equal(await leave(made, 1, { epoch: 2 }), undefined);
  assert.equal(await leave(made, 0, { epoch: 2 }), "duty/unavailable");
  world.operators[0]?.disk.setFailing(false);
  await world.runToSlot(17);
  assert.deepEqual((await sharesOnDisk(world, 0, groupKey)).slice(0, 2), [1, 2]);
  assert.equal(await leave(made, 3), undefined);
  assert.ok(exits(world).some(({ message }) => message.epoch === EPOCH));
});

test("what JSON allows beside a peer's exit is not kept with it, and more than a little of it is not read", async () => {
  const made = await scene(55);
  const { world, groupKey } = made;
  let padding = 1_000;
  world.network.intercept(({ from, protocol, message }) => {
    if (from !== 1 || protocol !== PARSIGEX_PROTOCOL) return undefined;
    const { duty, partials } = decodePartials(message);
    const padded = partials.map(({ data, ...rest }) => ({
      ...rest,
      data: new Uint8Array(Buffer.concat([data, Buffer.alloc(padding, " ")])),
    }));
    return duty.kind === "exit" ? encodePartials(duty, padded) : undefined;
  });
  const kept = async (): Promise<readonly number[]> => {
    const reading = world.operators[0]?.disk.readNote(`standing/${groupKey}`);
    await world.clock.run({ forMs: 10 });
    const note = await reading;
    return note === undefined
      ? []
      : decodeStandingNote(note, groupKey, world.spec).map(({ partial }) => partial.data.length);
  };
  await leave(made, 1);
  const [length] = await kept();
  assert.ok(length !== undefined && length < 500, `${length} bytes`);
  padding = 1_000_000;
  await leave(made, 1, { epoch: 2 });
  assert.deepEqual(await kept(), [length]);
});

test("thousands of signatures in one message are read bit by bit, between which others have their turn", async (t) => {
  const groupKey = `0x${"11".repeat(48)}` as GroupKey;
  const message = { epoch: EPOCH, validatorIndex: 7 };
  const signature = new Uint8Array(96);
  const data = signedCodecs.exit.encode({ message, signature });
  const { mock } = t.mock.method(signedCodecs.exit, "decode");
  const readAtTurn: number[] = [];
  const someTurns = Promise.withResolvers<void>();
  const verify = async (requests: readonly unknown[]): Promise<readonly boolean[]> => {
    if (readAtTurn.push(mock.callCount()) === 3) someTurns.resolve();
    return requests.map(() => false);
  };
  const context = {
    bls: { verify },
    log: silent,
    metrics: { badPartial: () => {} },
    publicShares: new Map([[groupKey, []]]),
    notes: { noteKeys: async () => [] },
  } as unknown as DutyContext;
  const standing = new Standing(context, {} as StandingContext, never);
  const partials = Array.from({ length: 1_000 }, (_, i) => {
    const root = new Uint8Array(32).fill(i % 256);
    return { groupKey, share: 2 as ShareIndex, part: 0, root, signature, data };
  });
  assert.equal(standing.receive({ slot: 8, kind: "exit" }, 1 as OperatorIndex, partials), undefined);
  await someTurns.promise;
  assert.deepEqual(readAtTurn.slice(0, 3), [64, 128, 192]);
});

test("an operator that has adopted a registration signs it all the same, for those that still lack a part", async () => {
  const { world, groupKey } = await scene(54);
  // Operator 0 lies: its part reaches operator 2 alone.
  world.network.intercept(({ from, to, protocol }) =>
    protocol === PARSIGEX_PROTOCOL && from === 0 && to !== 2 ? "drop" : undefined,
  );
  const message = {
    feeRecipient: new Uint8Array(20).fill(0x77),
    gasLimit: 60_000_000,
    timestamp: 1_800_000_000,
    pubkey: fromHex(groupKey),
  };
  const root = signingRoot(
    ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(message),
    domainAt(world.spec, "applicationBuilder", 0),
  );
  const register = async (operator: number): Promise<void> => {
    const [signature] = await world.keys.signer(operator as OperatorIndex).sign([{ groupKey, root }], never);
    const signed = { message, signature: signature as Uint8Array };
    const item: Submission = { kind: "builder-registration", slot: 8, groupKey, signed };
    const verdicts = world.operators[operator]?.runner.desk.submit([item], never);
    await world.clock.run({ forMs: 1_000 });
    assert.deepEqual(await verdicts, [undefined]);
  };
  const adopted = (): readonly number[] =>
    world.operators
      .filter(({ log }) =>
        log.some(({ sentence }) => sentence === "Builder registration changed by the operators"),
      )
      .map(({ index }) => index);
  for (const operator of [0, 1, 3]) await register(operator);
  assert.deepEqual(adopted(), [0, 2]);
  await register(2);
  assert.deepEqual(adopted(), [0, 1, 2, 3]);
});
