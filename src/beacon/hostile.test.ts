import assert from "node:assert/strict";
import type { RequestListener, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { test } from "node:test";
import { silent, unmetered } from "../ports/index.ts";
import type { GroupKey } from "../spec/index.ts";
import { type BeaconNodes, createBeaconNodes } from "./beacon-nodes.ts";
import { BeaconError } from "./errors.ts";
import { readBody } from "./http.ts";
import { connectedWorld, FakeNode, json } from "./testing/fake-node.ts";
import { RECORDED_NOW, recorded, recordedJson } from "./testing/fixtures.ts";
import { serve } from "./testing/http-server.ts";
import { SimulatedClock, settled } from "./testing/simulated-clock.ts";

const signal = new AbortController().signal;
const DUTIES = "/eth/v1/validator/duties/proposer/4";
const JSON_TYPE = { "content-type": "application/json" };

/** A real server that is well but for one path. */
async function against(
  hostile: RequestListener,
  run: (beacon: BeaconNodes, clock: SimulatedClock) => Promise<void>,
): Promise<void> {
  const well: Readonly<Record<string, string>> = {
    "/eth/v1/config/spec": "spec.json",
    "/eth/v1/beacon/genesis": "genesis.json",
    "/eth/v1/node/syncing": "syncing.json",
    "/eth/v1/node/version": "version.json",
  };
  const server = await serve((request, response) => {
    const file = well[request.url ?? ""];
    if (file !== undefined) response.writeHead(200, JSON_TYPE).end(recorded(file));
    else if (request.url === DUTIES) hostile(request, response);
    else response.writeHead(404, JSON_TYPE).end("{}");
  });
  const clock = new SimulatedClock(RECORDED_NOW);
  const { url } = server;
  const beacon = createBeaconNodes({
    endpoints: [url],
    clock,
    log: silent,
    meter: unmetered,
    timeoutMs: 2_000,
  });
  try {
    await beacon.connectChain(signal);
    await run(beacon, clock);
  } finally {
    await beacon.close();
    await server.close();
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof BeaconError, `not a BeaconError: ${String(error)}`);
    return error.code;
  }
  return "no error";
}

/** Writes without end, as fast as the other side takes it. */
function pour(response: ServerResponse, text: string): void {
  const chunk = Buffer.alloc(1024 * 1024, text);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", more);
  more();
}

test("a huge body is given up at its bound, announced or not, packed or not", async () => {
  const huge: RequestListener[] = [
    (_, response) =>
      void response.writeHead(200, { ...JSON_TYPE, "content-length": "99999999999" }).write(" "),
    (_, response) => pour(response.writeHead(200, JSON_TYPE), " "),
  ];
  for (const [i, listener] of huge.entries()) {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    await against(
      (request, response) => {
        response.on("close", closed);
        listener(request, response);
      },
      async (beacon) => {
        assert.equal(await codeOf(beacon.proposerDuties(4, signal)), "beacon/bad-answer", `case ${i}`);
        await gone; // The connection is let go of, so nothing keeps pouring.
      },
    );
  }
});

test("an error with a huge body is still an error with a short reason", async () => {
  await against(
    (_, response) => pour(response.writeHead(400, { "content-type": "text/html" }), "<b>no</b> "),
    async (beacon) => {
      await assert.rejects(beacon.proposerDuties(4, signal), (error: BeaconError) => {
        assert.equal(error.code, "beacon/refused");
        const reason = String(error.facts["reason"]);
        assert.ok(reason.startsWith("no no no") && reason.length <= 300);
        return true;
      });
    },
  );
});

test("headers or a body that never end cost the time limit and no more", async () => {
  const slow: RequestListener[] = [
    () => {},
    (_, response) => void response.writeHead(200, JSON_TYPE).write('{"data": ['),
    (_, response) => void response.writeHead(400, JSON_TYPE).write('{"message": '),
    (request) => void request.socket.write("HTTP/1.1 200 OK\r\nx-never: en"),
  ];
  for (const listener of slow) {
    const asked = Promise.withResolvers<void>();
    await against(
      (request, response) => {
        listener(request, response);
        asked.resolve();
      },
      async (beacon, clock) => {
        const code = codeOf(beacon.proposerDuties(4, signal));
        await asked.promise;
        await settled();
        await clock.advance(2_000);
        assert.equal(await code, "beacon/unavailable");
      },
    );
  }
});

test("a body that is too long is let go of, whether or not anybody stops the request", async () => {
  for (const cut of [true, false]) {
    let canceled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100)),
      cancel: () => {
        canceled = true;
      },
    });
    const read = readBody(new Response(body), { bytesMax: 1_050, cut }, signal);
    if (cut) assert.equal((await read).length, 1_050);
    else assert.equal(await codeOf(read), "beacon/bad-answer");
    assert.ok(canceled);
  }
});

test("an answer of another content type is refused, even when its body could be read", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  for (const type of [
    "text/html",
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "application/jsonp",
  ]) {
    node.on(
      DUTIES,
      () => new Response(recorded("duties_proposer.json"), { headers: { "content-type": type } }),
    );
    assert.equal(await codeOf(w.beacon.proposerDuties(4, signal)), "beacon/bad-answer", type);
  }
  node.on(
    DUTIES,
    () =>
      new Response(recorded("duties_proposer.json"), {
        headers: { "content-type": "Application/JSON; charset=utf-8" },
      }),
  );
  assert.equal((await w.beacon.proposerDuties(4, signal)).duties.length, 32);
  await w.beacon.close();
});

test("a redirect is not followed", async () => {
  let requests = 0;
  await against(
    (_, response) => {
      requests++;
      response.writeHead(302, { location: DUTIES }).end();
    },
    async (beacon) => {
      assert.equal(await codeOf(beacon.proposerDuties(4, signal)), "beacon/bad-answer");
      assert.equal(requests, 1);
    },
  );
});

test("broken HTTP, a cut body and a reset connection count as no answer", async () => {
  const broken: RequestListener[] = [
    (request) => void request.socket.end("SSH-2.0-OpenSSH_9.9\r\n"),
    (request) => void request.socket.resetAndDestroy(),
    (request) =>
      void request.socket.end(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"data"',
      ),
    (_, response) => {
      response.writeHead(200, JSON_TYPE).write('{"data": [');
      setImmediate(() => response.destroy());
    },
    (_, response) =>
      void response.writeHead(200, { ...JSON_TYPE, "content-encoding": "gzip" }).end("not gzip"),
  ];
  for (const [i, listener] of broken.entries()) {
    await against(listener, async (beacon) => {
      assert.equal(await codeOf(beacon.proposerDuties(4, signal)), "beacon/unavailable", `case ${i}`);
    });
  }
});

test("a connection that the node closes between two requests costs no answer", async () => {
  for (const hangUp of [
    (socket: Socket) => void socket.end(),
    (socket: Socket) => void socket.resetAndDestroy(),
  ]) {
    let requests = 0;
    await against(
      (request, response) => {
        // The second request finds its connection closed under it.
        if (++requests === 2) hangUp(request.socket);
        else response.writeHead(200, JSON_TYPE).end(recorded("duties_proposer.json"));
      },
      async (beacon) => {
        await beacon.proposerDuties(4, signal);
        assert.equal((await beacon.proposerDuties(4, signal)).duties.length, 32);
        assert.equal(requests, 3);
      },
    );
  }
});

/** Values that no field of the API may have, and that a lenient reader takes for a number or for bytes. */
const wrongNumbers = [
  "-1",
  "18446744073709551615",
  "18446744073709551616",
  "1.5",
  "1e3",
  "0x10",
  " 7",
  "",
  null,
  129,
  [],
  {},
];
const wrongRoots = [
  "0x",
  `0x${"11".repeat(31)}`,
  `0x${"11".repeat(33)}`,
  "11".repeat(32),
  `0x${"zz".repeat(32)}`,
  5,
  null,
];

test("wrong numbers and roots in vote data are refused", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  const cases: readonly (readonly [readonly string[], readonly unknown[]])[] = [
    [["slot"], [...wrongNumbers, "128"]],
    [["index"], [...wrongNumbers, "1"]],
    [
      ["source", "epoch"],
      [...wrongNumbers, "5"],
    ],
    [
      ["target", "epoch"],
      [...wrongNumbers, "3"],
    ],
    [["beacon_block_root"], wrongRoots],
    [["source", "root"], wrongRoots],
    [["target", "root"], wrongRoots],
    [["source"], [null, "x", []]],
  ];
  for (const [path, values] of cases) {
    for (const value of values) {
      // A number without quotes that is otherwise right is refused as well: nobody sends it.
      node.on("/eth/v1/validator/attestation_data", () =>
        json(bent("attestation_data.json", ["data", ...path], value)),
      );
      const code = await codeOf(w.beacon.attestationData(129, 0, signal));
      assert.equal(code, "beacon/bad-answer", `${path.join(".")} = ${JSON.stringify(value)}`);
    }
  }
  await w.beacon.close();
});

test("wrong numbers, keys, roots, slots and doubles in duties and validators are refused", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  const keys = recordedJson("validators.json").data.map(
    (one: { validator: { pubkey: GroupKey } }) => one.validator.pubkey,
  ) as GroupKey[];
  const calls = [
    {
      file: "duties_attester.json",
      path: "/eth/v1/validator/duties/attester/4",
      run: () => w.beacon.attesterDuties(4, [240, 241], signal),
      bends: {
        slot: [...wrongNumbers, "127", "160"],
        validator_index: wrongNumbers,
        committee_index: [...wrongNumbers, "1"],
        committee_length: wrongNumbers,
        validator_committee_index: [...wrongNumbers, "8"],
        pubkey: wrongRoots,
      },
    },
    {
      file: "duties_proposer.json",
      path: DUTIES,
      run: () => w.beacon.proposerDuties(4, signal),
      bends: { slot: [...wrongNumbers, "127", "160"], validator_index: wrongNumbers, pubkey: wrongRoots },
    },
    {
      file: "validators.json",
      path: "/eth/v1/beacon/states/head/validators",
      run: () => w.beacon.validators(keys, signal),
      bends: { index: wrongNumbers, status: [5, null], validator: [null, {}, { pubkey: "0x01" }] },
    },
  ];
  for (const { file, path, run, bends } of calls) {
    for (const [field, values] of Object.entries(bends)) {
      for (const value of values) {
        if (field !== "status" && typeof value === "number") continue;
        node.on(path, () => json(bent(file, ["data", "0", field], value)));
        assert.equal(await codeOf(run()), "beacon/bad-answer", `${file} ${field} = ${JSON.stringify(value)}`);
      }
    }
    if (file !== "validators.json") {
      for (const value of wrongRoots) {
        node.on(path, () => json(bent(file, ["dependent_root"], value)));
        assert.equal(await codeOf(run()), "beacon/bad-answer", `${file} dependent_root`);
      }
    }
    const whole = recordedJson(file);
    node.on(path, () => json({ ...whole, data: [...whole.data.slice(1), whole.data[1]] }));
    assert.equal(await codeOf(run()), "beacon/bad-answer", `${file} with a double`);
  }
  await w.beacon.close();
});

test("duties and validators that nobody asked for are left out", async () => {
  const w = await connectedWorld([new FakeNode("one")]);
  const { duties } = await w.beacon.attesterDuties(4, [240, 240], signal);
  assert.deepEqual(
    duties.map((duty) => duty.validatorIndex),
    [240],
  );
  const key = recordedJson("validators.json").data[3].validator.pubkey as GroupKey;
  assert.deepEqual(
    (await w.beacon.validators([key], signal)).map(({ pubkey }) => pubkey),
    [key],
  );
  assert.deepEqual(await w.beacon.validators([], signal), []);
  await w.beacon.close();
});

test("a proposal that is not the one asked for is refused", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  const randaoReveal = Uint8Array.of(0xc0, ...new Uint8Array(95));
  assert.equal(
    await codeOf(w.beacon.produceBlock(130, { randaoReveal: new Uint8Array(96) }, signal)),
    "beacon/bad-answer",
  );
  const cases: readonly (readonly [string, unknown])[] = [
    ["version", "unheard-of"],
    ["version", "constructor"],
    ["version", 5],
    ["version", "phase0"],
    ["execution_payload_blinded", true],
    ["data", null],
    ["data.block.slot", "131"],
    ["data.block.slot", "-1"],
    ["data.block.proposer_index", "1e3"],
    ["data.block.parent_root", `0x${"zz".repeat(32)}`],
    ["data.block.body.execution_payload.gas_limit", "18446744073709551616"],
    ["data.block.body.attestations", "many"],
    ["data.kzg_proofs", ["0x00"]],
    ["data.blobs", ["0x00"]],
  ];
  for (const [path, value] of cases) {
    node.on("/eth/v3/validator/blocks/130", () =>
      json(bent("produce_block_v3.json", path.split("."), value)),
    );
    const code = await codeOf(w.beacon.produceBlock(130, { randaoReveal }, signal));
    assert.equal(code, "beacon/bad-answer", `${path} = ${JSON.stringify(value)}`);
  }
  for (const value of ["-5", "1.5", "0x10", 5, null, "9".repeat(60)]) {
    node.on("/eth/v3/validator/blocks/130", () =>
      json(bent("produce_block_v3.json", ["execution_payload_value"], value)),
    );
    const { value: worth } = await w.beacon.produceBlock(130, { randaoReveal }, signal);
    assert.equal(worth, undefined, "a worth that is no number is no worth");
  }
  await w.beacon.close();
});

test("a block that is not the one asked for, or whose bytes are damaged, is refused", async () => {
  const node = new FakeNode("one");
  const w = await connectedWorld([node]);
  assert.equal(await codeOf(w.beacon.block(128, signal)), "beacon/bad-answer");
  assert.equal(await codeOf(w.beacon.block(`0x${"11".repeat(32)}`, signal)), "beacon/bad-answer");
  const root = recordedJson("block_root_head.json").data.root;
  assert.equal((await w.beacon.block(root, signal))?.slot, 129);
  const whole = recorded("block_head.ssz");
  const damaged = [
    whole.subarray(0, whole.length - 1),
    whole.subarray(0, 3),
    Buffer.alloc(0),
    Buffer.alloc(whole.length, 0xff),
    Buffer.concat([whole, Buffer.alloc(7)]),
  ];
  for (const body of damaged) {
    node.on(
      "/eth/v2/beacon/blocks",
      () =>
        new Response(new Uint8Array(body), {
          headers: { "content-type": "application/octet-stream", "eth-consensus-version": "fulu" },
        }),
    );
    assert.equal(await codeOf(w.beacon.block(root, signal)), "beacon/bad-answer", `${body.length} bytes`);
  }
  node.on(
    "/eth/v2/beacon/blocks",
    () => new Response(new Uint8Array(whole), { headers: { "content-type": "application/octet-stream" } }),
  );
  assert.equal(await codeOf(w.beacon.block(root, signal)), "beacon/bad-answer", "no version");
  await w.beacon.close();
});

/** A recorded answer with one value exchanged. */
function bent(file: string, path: readonly string[], value: unknown): unknown {
  const answer = recordedJson(file);
  let at = answer;
  for (const step of path.slice(0, -1)) at = at[step];
  at[path.at(-1) as string] = value;
  return answer;
}
