import assert from "node:assert/strict";
import { test } from "node:test";
import { startChain } from "./chain.ts";
import { interopPublicKey } from "./interop.ts";
import { ChainError } from "./options.ts";
import { liveSlot } from "./testing/test-validators.ts";
import { testChain } from "./testing/test-world.ts";

interface StreamedEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads events until there are `count`. */
async function readEvents(response: Response, count: number): Promise<StreamedEvent[]> {
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const found: StreamedEvent[] = [];
  let text = "";
  while (found.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString("utf8");
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const match = /^event: (\S+)\ndata: (.*)$/.exec(part);
      if (match !== null) found.push({ event: match[1] as string, data: JSON.parse(match[2] as string) });
    }
  }
  await reader.cancel();
  return found;
}

test("a stream tells of blocks, heads, votes and finality, only what was asked for", async () => {
  const live = await testChain({ count: 4, otherValidators: 12 });
  const wanted = "topics=head,block&topics=finalized_checkpoint&topics=single_attestation";
  const response = await live.chain.handle(new Request(`http://chain/eth/v1/events?${wanted}`));
  for (let slot = 0; slot < 17; slot++) await liveSlot(live, slot);

  const events = await readEvents(response, 16 * 2 + 4 * 4 + 1);
  const kinds = new Set(events.map(({ event }) => event));
  assert.deepEqual(kinds, new Set(["head", "block", "single_attestation", "finalized_checkpoint"]));
  const heads = events.filter(({ event }) => event === "head").map(({ data }) => data);
  assert.equal(heads[0]?.["slot"], "1");
  assert.deepEqual(Object.keys(heads[0] ?? {}).toSorted(), [
    "block",
    "current_duty_dependent_root",
    "epoch_transition",
    "execution_optimistic",
    "previous_duty_dependent_root",
    "slot",
    "state",
  ]);
  assert.ok(heads.find(({ slot }) => slot === "4")?.["epoch_transition"]);
});

test("a head names the root that duties depend on, as the duties do", async () => {
  const live = await testChain({ count: 4, otherValidators: 12 });
  const response = await live.chain.handle(new Request("http://chain/eth/v1/events?topics=head"));
  for (let slot = 0; slot < 10; slot++) await liveSlot(live, slot);
  const heads = await readEvents(response, 9);
  const last = heads.at(-1)?.data;

  const now = await live.post("/eth/v1/validator/duties/attester/2", ["0"]);
  const next = await live.post("/eth/v1/validator/duties/attester/3", ["0"]);
  assert.equal(last?.["slot"], "9");
  assert.equal(now.body.dependent_root, last?.["previous_duty_dependent_root"]);
  assert.equal(next.body.dependent_root, last?.["current_duty_dependent_root"]);
});

test("an unknown topic, or none, is refused", async () => {
  const live = await testChain();
  assert.equal((await live.get("/eth/v1/events?topics=gossip")).status, 400);
  assert.equal((await live.get("/eth/v1/events")).status, 400);
});

test("a reader that never reads is let go instead of filling the memory", async () => {
  const live = await testChain({ count: 1, otherValidators: 7 });
  const path = "/eth/v1/events?topics=head,head_v2,block,block_gossip";
  const response = await live.chain.handle(new Request(`http://chain${path}`));
  live.moveTo(350);
  const blocks = live.events.filter(({ kind }) => kind === "block").length;
  await live.chain.stop();

  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let chunks = 0;
  while (!(await reader.read()).done) chunks++;
  assert.ok(4 * blocks > 1025, `only ${4 * blocks} events`);
  assert.ok(chunks <= 1025, `${chunks} events were kept`);
});

test("over a real port: requests, errors and the event stream, and a stop that ends them all", async () => {
  const chain = await startChain({
    validators: [{ pubkey: interopPublicKey(0) }],
    otherValidators: 3,
    slotMs: 200,
    slotsPerEpoch: 4,
    genesisTime: Math.floor(Date.now() / 1000) * 1000,
  });
  const url = chain.url ?? "";
  const post = (path: string, body: BodyInit): Promise<Response> =>
    fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body });

  const version = (await (await fetch(`${url}/eth/v1/node/version`)).json()) as { data: { version: string } };
  assert.match(version.data.version, /^Trireme-Chain\//);
  const nowhere = await fetch(`${url}/eth/v1/nowhere`);
  assert.equal(nowhere.status, 404);
  assert.match(nowhere.headers.get("keep-alive") ?? "", /timeout=6\d\d/, "longer than any client keeps it");
  assert.equal((await post("/eth/v1/validator/duties/attester/0", '["0"]')).status, 200);
  assert.equal((await post("/eth/v1/validator/duties/attester/0", "nonsense")).status, 400);
  const heads = await readEvents(await fetch(`${url}/eth/v1/events?topics=head`), 1);
  assert.equal(heads[0]?.event, "head");

  const open = await fetch(`${url}/eth/v1/events?topics=head`);
  await chain.stop();
  await assert.rejects(async () => {
    const reader = (open.body as ReadableStream<Uint8Array>).getReader();
    for (;;) if ((await reader.read()).done) throw new Error("ended");
  }, /ended|terminated/);
  await assert.rejects(fetch(`${url}/eth/v1/node/version`));
});

test("a port in use is a clear error", async () => {
  const options = { validators: [{ pubkey: interopPublicKey(0) }] };
  const first = await startChain(options);
  const port = Number(new URL(first.url ?? "").port);
  await assert.rejects(
    startChain({ ...options, port }),
    (error) =>
      error instanceof ChainError && error.code === "chain/cannot-listen" && error.facts["port"] === port,
  );
  await first.stop();
});

test("options that cannot be are refused with their name", async () => {
  const pubkey = interopPublicKey(0);
  for (const [option, options] of [
    ["validators", { validators: [] }],
    ["validators[0].pubkey", { validators: [{ pubkey: `0x${"11".repeat(48)}` as const }] }],
    ["validators[1].pubkey", { validators: [{ pubkey }, { pubkey }] }],
    ["slotMs", { validators: [{ pubkey }], slotMs: 0 }],
    ["genesisTime", { validators: [{ pubkey }], genesisTime: 1_500 }],
    ["genesisForkVersion", { validators: [{ pubkey }], genesisForkVersion: "0x12" as const }],
    ["slotsPerEpoch", { validators: [{ pubkey }], slotsPerEpoch: 33 }],
  ] as const)
    await assert.rejects(
      startChain({ ...options, listen: false }),
      (error) => error instanceof ChainError && error.facts["option"] === option,
      option,
    );
});
