import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { type ContractAnswer, type ContractQuestion, questionKey } from "../cluster/index.ts";
import { askContracts } from "./ask-contracts.ts";
import { EXECUTION_LIMITS } from "./limits.ts";
import {
  ACCEPTED,
  executionNode,
  listening,
  NOT_ACCEPTED,
  type RpcAnswer,
} from "./testing/execution-node.ts";

const HOODI = 560_048;
const question = (byte: number, signatureBytes = 65): ContractQuestion => ({
  address: `0x${byte.toString(16).padStart(40, "0")}`,
  chainId: HOODI,
  digest: new Uint8Array(32).fill(byte),
  signature: new Uint8Array(signatureBytes).fill(0xee),
});
/** For nodes that never answer. */
const impatient = { ...EXECUTION_LIMITS, callTimeoutMs: 100, patienceMs: 0 };

async function askOne(
  t: TestContext,
  answers: { readonly chainId?: RpcAnswer; readonly call?: RpcAnswer },
  limits = EXECUTION_LIMITS,
): Promise<ContractAnswer | undefined> {
  const { chainId, call } = answers;
  const node = await executionNode(t, {
    ...(chainId === undefined ? {} : { chainId }),
    ...(call === undefined ? {} : { call: () => call }),
  });
  const one = question(1);
  return (await askContracts(node.url, [one], { limits })).get(questionKey(one));
}

test("a contract is called with digest and signature as Solidity encodes them, on the latest block", async (t) => {
  const node = await executionNode(t, { call: () => ACCEPTED });
  for (const bytes of [65, 130, 32]) {
    const one = question(7, bytes);
    assert.deepEqual((await askContracts(node.url, [one])).get(questionKey(one)), { accepts: true });
    const [call, block] = node.asked.at(-1)?.params ?? [];
    assert.equal(block, "latest");
    assert.equal(call?.to, one.address);
    const padded = `${"ee".repeat(bytes)}${"00".repeat((32 - (bytes % 32)) % 32)}`;
    assert.equal(
      call?.data,
      `0x1626ba7e${"07".repeat(32)}${(64).toString(16).padStart(64, "0")}${bytes.toString(16).padStart(64, "0")}${padded}`,
    );
  }
});

test("without questions or without an endpoint nobody is asked", async (t) => {
  const node = await executionNode(t, {});
  assert.equal((await askContracts(node.url, [])).size, 0);
  assert.equal((await askContracts("", [question(1)])).size, 0);
  assert.deepEqual(node.asked, []);
});

test("each contract answers for itself, and the same question is the same whatever the case of its address", async (t) => {
  const good = { ...question(0xa), address: `0x${"AB".repeat(20)}` };
  const node = await executionNode(t, {
    call: ({ params: [{ to }] }) => (to === good.address ? ACCEPTED : NOT_ACCEPTED),
  });
  const answers = await askContracts(node.url, [question(1), good, question(2)]);
  assert.deepEqual(
    [question(1), { ...good, address: good.address.toLowerCase() }, question(2)].map(
      (one) => answers.get(questionKey(one))?.accepts,
    ),
    [false, true, false],
  );
});

for (const { what, call, why } of [
  { what: "another value than the magic one", call: NOT_ACCEPTED, why: /not its signature/ },
  {
    what: "the magic value at the end of the word",
    call: { result: `0x${"00".repeat(28)}1626ba7e` },
    why: /not its signature/,
  },
  { what: "nothing, as accounts without code do", call: { result: "0x" }, why: /none at this address/ },
  {
    what: "a revert, as geth tells it",
    call: { error: { code: 3, message: "execution reverted: GS026", data: "0x08c379a0" } },
    why: /GS026/,
  },
  {
    what: "a revert, as Besu and Nethermind tell it",
    call: { error: { code: -32_000, message: "Execution reverted" } },
    why: /Execution reverted/,
  },
] satisfies { what: string; call: RpcAnswer; why: RegExp }[])
  test(`a contract that answers with ${what} does not accept`, async (t) => {
    const answer = await askOne(t, { call });
    assert.ok(answer?.accepts === false);
    assert.match(answer.why, why);
  });

for (const { what, answers, code, found, patienceMs = 30_000 } of [
  {
    what: "serves another chain",
    answers: { chainId: { result: "0x1" }, call: ACCEPTED },
    code: "execution/other-chain",
    found: { found: 1, wanted: HOODI },
  },
  {
    what: "answers with half a word",
    answers: { call: { result: "0x1626ba7e" } },
    code: "execution/bad-answer",
    found: { found: '"0x1626ba7e"' },
  },
  { what: "answers with null", answers: { call: { result: null } }, code: "execution/bad-answer", found: {} },
  {
    what: "answers with a chain id that is none",
    answers: { chainId: { result: "hoodi" } },
    code: "execution/bad-answer",
    found: { found: '"hoodi"' },
  },
  {
    what: "answers with no JSON",
    answers: { call: (response) => void response.end("<html>nginx</html>") },
    code: "execution/bad-answer",
    found: { found: "<html>nginx</html>" },
  },
  {
    what: "answers with JSON that is no JSON-RPC",
    answers: { call: (response) => void response.end("[1]") },
    code: "execution/bad-answer",
    found: {},
  },
  {
    what: "sends us elsewhere",
    answers: { call: (response) => void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end() },
    code: "execution/bad-answer",
    found: {},
  },
  {
    what: "wants a token, as the engine's port does",
    answers: { chainId: (response) => void response.writeHead(401).end("missing token") },
    code: "execution/refused",
    found: { reason: "HTTP 401: missing token" },
  },
  {
    what: "cannot look into its state",
    answers: { call: { error: { code: -32_000, message: "missing trie node 0xab" } } },
    code: "execution/refused",
    found: { reason: "missing trie node 0xab" },
  },
  {
    what: "fails",
    answers: { call: (response) => void response.writeHead(503).end("busy") },
    code: "execution/unavailable",
    found: { reason: "HTTP 503: busy" },
  },
  {
    what: "hangs up",
    answers: { call: (response) => void response.destroy() },
    code: "execution/unavailable",
    found: {},
  },
  {
    what: "never answers",
    patienceMs: 300,
    answers: { chainId: () => undefined },
    code: "execution/unavailable",
    found: { method: "eth_chainId" },
  },
  {
    what: "answers without end",
    patienceMs: 300,
    answers: {
      call(response) {
        const more = (): void => void response.write("x".repeat(65_536), (error) => error ?? more());
        more();
      },
    },
    code: "execution/unavailable",
    found: {},
  },
] as readonly {
  what: string;
  /** Where time runs out; elsewhere a busy machine has plenty. */
  patienceMs?: number;
  answers: { chainId?: RpcAnswer; call?: RpcAnswer };
  code: string;
  found: Record<string, unknown>;
}[])
  test(`an execution client that ${what} leaves the question open, and the error says so`, async (t) => {
    const answer = await askOne(t, answers, { ...impatient, callTimeoutMs: patienceMs });
    assert.ok(answer?.accepts === undefined && answer !== undefined);
    assert.equal(answer.failure.code, code);
    for (const [name, value] of Object.entries(found)) assert.equal(answer.failure.facts[name], value);
    assert.match(String(answer.failure.facts["node"]), /^127\.0\.0\.1:\d+$/);
  });

test("a question that cannot be put leaves the later ones open too, and what is known stays", async (t) => {
  const node = await executionNode(t, {
    call: ({ params: [{ to }] }) =>
      to === question(2).address ? { error: { code: -32_005, message: "limit exceeded" } } : ACCEPTED,
  });
  const answers = await askContracts(node.url, [question(1), question(2), question(3)]);
  assert.deepEqual(
    [1, 2, 3].map((i) => answers.get(questionKey(question(i)))?.accepts),
    [true, undefined, undefined],
  );
  assert.equal(node.asked.length, 3, "the chain and two contracts");
});

test("an execution client that is just being started is waited for", async (t) => {
  const starting: RpcAnswer[] = [
    (response) => void response.destroy(),
    (response) => void response.writeHead(502).end(), // A proxy whose server is not there yet.
  ];
  let tries = 0;
  const node = createServer((request, response) => {
    request.resume();
    const answer = starting[tries++];
    if (typeof answer === "function") return answer(response);
    const result = tries === 3 ? `0x${HOODI.toString(16)}` : ACCEPTED.result;
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
  });
  const url = await listening(t, node);
  const answers = await askContracts(url, [question(1)], { limits: { ...EXECUTION_LIMITS, retryMs: 10 } });
  assert.deepEqual([...answers.values()], [{ accepts: true }]);
  assert.equal(tries, 4);
});

test("a password or key in the address is sent to the execution client, and stands in no error", async (t) => {
  const secrets = ["pass-word", "0123456789abcdef0123"];
  let seen = "";
  const node = createServer((request, response) => {
    seen = `${request.url} ${request.headers.authorization}`;
    request.resume();
    response.writeHead(403).end("no");
  });
  const url = (await listening(t, node)).replace("//", `//me:${secrets[0]}@`);
  const [answer] = (await askContracts(`${url}/v3/${secrets[1]}?a=b`, [question(1)])).values();
  assert.equal(seen, `/v3/${secrets[1]}?a=b Basic ${Buffer.from(`me:${secrets[0]}`).toString("base64")}`);
  assert.ok(answer?.accepts === undefined && answer !== undefined);
  const told = JSON.stringify([answer.failure.message, answer.failure.facts, answer.failure.hint]);
  for (const secret of secrets) assert.doesNotMatch(told, new RegExp(secret));
});

test("an address that is no URL is an open question, not a crash", async () => {
  const [answer] = (await askContracts("ws://127.0.0.1:8546", [question(1)])).values();
  assert.ok(answer?.accepts === undefined);
  assert.equal(answer?.failure.code, "execution/refused");
});

test("who asks and is told to stop stops at once, while nothing answers and between two tries", async (t) => {
  const hanging = createServer((request) => request.resume());
  const absent = "http://127.0.0.1:1";
  for (const url of [await listening(t, hanging), absent]) {
    const stop = new AbortController();
    const asking = askContracts(url, [question(1)], {
      limits: { ...EXECUTION_LIMITS, callTimeoutMs: 60_000, patienceMs: 60_000, retryMs: 50_000 },
      signal: stop.signal,
    });
    setImmediate(() => stop.abort(new Error("asked to stop")));
    await assert.rejects(asking, /^Error: asked to stop$/);
  }
});
