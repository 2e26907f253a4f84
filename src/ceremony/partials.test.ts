import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import { PartialExchange, purposes } from "./partials.ts";
import { LoopbackNetwork } from "./testing/loopback.ts";
import { mailMember, operator } from "./testing/members.ts";
import { PartialSignatures } from "./wire.ts";

const protocol = "/charon/parsigex/2.0.0";
const groupKeys = [3, 1].map((i) => new Uint8Array(48).fill(i));
const signature = (i: number): Uint8Array => new Uint8Array(96).fill(i);

type Entry = { data: Uint8Array; signature: Uint8Array; shareIdx: number };
const entry = (i: number, shareIdx: number): Entry => ({
  data: Buffer.from(`"${Buffer.from(signature(i)).toString("base64")}"`),
  signature: signature(i),
  shareIdx,
});
const message = (set: readonly (readonly [string, Entry])[], duty = { slot: 101, type: 3 }): Uint8Array =>
  PartialSignatures.encode({ duty, dataSet: { set: new Map(set) } });
const names = groupKeys.map(toHex) as [string, string];

test("everyone has everyone's signatures, in the order of the validators, as soon as all were sent", async (t) => {
  const network = new LoopbackNetwork(3);
  const sent: Uint8Array[] = [];
  network.intercept = (one) => {
    if (one.protocol === protocol && one.from === 0) sent.push(one.message);
    return undefined;
  };
  const members = [0, 1, 2].map((i) => mailMember(network, i));
  t.after(() => members.forEach((member) => member.kill()));
  const all = await Promise.all(
    members.map((member, i) =>
      new PartialExchange({ transport: member.node.transport, depositAmounts: 4, ...member }).exchange(
        purposes.deposit(1),
        groupKeys,
        [signature(10 * i), signature(10 * i + 1)],
        member.signal,
      ),
    ),
  );
  for (const one of all)
    assert.deepEqual(
      one,
      [0, 10, 20].map((i) => [signature(i), signature(i + 1)]),
    );
  // Charon reads the JSON text of base64 in `data`, under the group key in hexadecimal.
  const decoded = PartialSignatures.decode(sent[0] as Uint8Array);
  assert.deepEqual({ ...decoded.duty }, { slot: 201, type: 3 });
  const first = decoded.dataSet?.set.get(names[0]);
  assert.equal(
    Buffer.from(first?.data ?? []).toString(),
    `"${Buffer.from(signature(0)).toString("base64")}"`,
  );
  assert.equal(first?.shareIdx, 1);
});

test("a message in another's name, for no purpose of a ceremony, or with something missing is dropped or blamed", async (t) => {
  const network = new LoopbackNetwork(2);
  const [a, b] = [0, 1].map((i) => mailMember(network, i)) as [
    ReturnType<typeof mailMember>,
    ReturnType<typeof mailMember>,
  ];
  t.after(() => [a, b].forEach((member) => member.kill()));
  const exchange = new PartialExchange({ transport: a.node.transport, depositAmounts: 4, ...a });
  const good = names.map((name, i) => [name, entry(i + 1, 2)] as const);
  for (const bad of [
    message([[names[0], entry(1, 1)]]),
    message(good, { slot: 100, type: 3 }),
    message(good, { slot: 199, type: 3 }),
    message(good, { slot: 204, type: 3 }), // A fifth amount.
    message(good, { slot: 456, type: 3 }),
    message(good, { slot: 101, type: 2 }),
    PartialSignatures.encode({ duty: undefined, dataSet: { set: new Map(good) } }),
    PartialSignatures.encode({ duty: { slot: 101, type: 3 }, dataSet: undefined }),
  ])
    await assert.rejects(b.node.transport.request(operator(0), protocol, bad));
  for (const purpose of [100, 101, 199, 204, 456])
    assert.equal(a.mailbox.get(operator(1), `partials/${purpose}`), undefined, `${purpose}`);

  const lies = [
    message(good.slice(1)),
    message([...good, [toHex(new Uint8Array(48)), entry(3, 2)]]),
    message([good[0] as [string, Entry], [names[1].replace("1", "2"), entry(2, 2)]]),
    message([good[0] as [string, Entry], [names[1], { ...entry(2, 2), data: Buffer.from('"AA=="') }]]),
  ];
  for (const [i, lie] of lies.entries()) {
    const purpose = purposes.deposit(i);
    const own = [signature(5), signature(6)];
    const claimed = PartialSignatures.decode(lie);
    claimed.duty = { slot: purpose, type: 3 };
    await b.node.transport.send(operator(0), protocol, PartialSignatures.encode(claimed));
    await assert.rejects(
      exchange.exchange(purpose, groupKeys, own, a.signal),
      (error: { code: string; facts: object }) => {
        assert.equal(error.code, "ceremony/lied");
        assert.deepEqual(error.facts, { operator: 1 });
        return true;
      },
    );
  }
});
