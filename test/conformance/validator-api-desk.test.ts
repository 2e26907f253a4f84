import assert from "node:assert/strict";
import { test } from "node:test";
import { DutyWorld } from "../../sim/duty-world.ts";
import { silent, unmetered } from "../../src/ports/index.ts";
import {
  domainAt,
  type GroupKey,
  type OperatorIndex,
  type phase0,
  signingRoot,
  slotStart,
  ssz,
} from "../../src/spec/index.ts";
import { createValidatorApi } from "../../src/validator-api/index.ts";

// The API before the real desk of one operator, in a cluster whose other operators sign by themselves.

const SELF = 0 as OperatorIndex;

interface Scene {
  readonly world: DutyWorld;
  readonly slot: number;
  /** Those of ours that vote in the slot, with their indices. */
  readonly voters: readonly { readonly groupKey: GroupKey; readonly index: number }[];
  /** Sends while the world goes on for a moment. */
  send(path: string, body?: unknown): Promise<{ status: number; body: never }>;
}

async function scene(): Promise<Scene> {
  const world = new DutyWorld(41, { clientSigns: (index) => index === SELF, validatorCount: 24 });
  const duties = world.chain.attesterDuties(1);
  const bySlot = Map.groupBy(duties, ({ slot }) => slot);
  const [slot, ours] = [...bySlot].find(([, all]) => all.length >= 3) ?? [];
  assert.ok(slot !== undefined && ours !== undefined);
  const { validators } = world.keys.cluster;
  const json = duties.map(({ pubkey, validatorIndex }) => ({
    index: String(validatorIndex),
    status: "active_ongoing",
    balance: "32000000000",
    validator: { pubkey },
  }));
  const api = createValidatorApi(
    {
      clock: world.clock,
      chain: world.spec,
      beacon: {
        forward: async () => Response.json({ data: json, execution_optimistic: false, finalized: false }),
        subscribe: () => {},
      },
      desk: world.operators[SELF]?.runner.desk as never,
      log: silent,
      meter: unmetered,
    },
    { validators, self: SELF, version: "Trireme/test" },
  );
  world.start();
  return {
    world,
    slot,
    voters: ours.map(({ pubkey, validatorIndex }) => ({ groupKey: pubkey, index: validatorIndex })),
    async send(path, body) {
      const answer = api.handle(
        new Request(`http://api${path}`, {
          ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
          headers: { "content-type": "application/json", "eth-consensus-version": "fulu" },
        }),
      );
      await world.clock.run({ forMs: 2_500 });
      const { status } = await answer;
      const text = await (await answer).text();
      return { status, body: (text === "" ? undefined : JSON.parse(text)) as never };
    },
  };
}

test("a list of votes is taken where it is right, and each wrong one is named by its place with its reason", async () => {
  const { world, slot, voters, send } = await scene();
  await world.runToSlot(slot);
  const asked: { status: number; body: { data: unknown } } = await send(
    `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0`,
  );
  assert.equal(asked.status, 200);
  const data = ssz.phase0.AttestationData.fromJson(asked.body.data);
  const sign = async (
    operator: number,
    groupKey: GroupKey,
    of: phase0.AttestationData,
  ): Promise<Uint8Array> => {
    const root = signingRoot(
      ssz.phase0.AttestationData.hashTreeRoot(of),
      domainAt(world.spec, "attester", of.target.epoch),
    );
    const request = [{ groupKey, root }];
    const signatures = await world.keys
      .signer(operator as OperatorIndex)
      .sign(request, new AbortController().signal);
    return signatures[0] as Uint8Array;
  };
  const vote = (attesterIndex: number, of: phase0.AttestationData, signature: Uint8Array): unknown =>
    ssz.electra.SingleAttestation.toJson({ committeeIndex: 0, attesterIndex, data: of, signature });
  const [a, b, c] = voters;
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const other = { ...data, beaconBlockRoot: new Uint8Array(32).fill(5) };
  const { status, body }: { status: number; body: { failures: { index: number; message: string }[] } } =
    await send("/eth/v2/beacon/pool/attestations", [
      vote(a.index, data, await sign(SELF, a.groupKey, data)),
      vote(b.index, data, await sign(3, b.groupKey, data)),
      vote(c.index, other, await sign(SELF, c.groupKey, other)),
      vote(999_999, data, await sign(SELF, a.groupKey, data)),
    ]);
  assert.equal(status, 400);
  assert.deepEqual(
    body.failures.map(({ index }) => index),
    [1, 2, 3],
  );
  const [wrongShare, wrongData, stranger] = body.failures.map(({ message }) => message);
  assert.match(
    wrongShare ?? "",
    /operator 3's share made it, and this is operator 0.*keystores of this operator/,
  );
  assert.match(wrongData ?? "", /the cluster decided on something else/);
  assert.match(stranger ?? "", /validator 999999 is not one of this cluster's/);
  await world.runToSlot(slot + 1);
  const came = world.operators[1]?.timeline.filter(
    ({ duty, entry: { stage, facts } }) =>
      duty === `${slot}/attester` && stage === "partial-received" && facts?.["from"] === SELF,
  );
  assert.deepEqual(
    came?.map(({ entry }) => entry.facts?.["validators"]),
    [1],
    "a peer got the right one and nothing else",
  );
});

test("what is asked in a slot without a decision is answered by the end of the slot", async () => {
  const { world, slot, send } = await scene();
  await world.runToSlot(slot - 1);
  world.network.partition([0], [1], [2], [3]);
  await world.runToSlot(slot);
  const startedAt = world.clock.now();
  const answer = send(`/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0`);
  await world.clock.run({ forMs: world.spec.slotMs });
  const { status, body }: { status: number; body: { message: string } } = await answer;
  assert.equal(status, 503);
  assert.match(body.message, /decision did not come in time/);
  assert.ok(startedAt + world.spec.slotMs >= slotStart(world.spec, slot + 1));
});
