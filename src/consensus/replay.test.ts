import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SimClock } from "../../sim/clock.ts";
import { simChainSpec } from "../../sim/duty-world.ts";
import { missingShared, sharedPath } from "../../test/shared.ts";
import { fromHex } from "../base/index.ts";
import { parseEnr } from "../cluster/index.ts";
import { NodeKey, sha256 } from "../crypto/index.ts";
import { canonicalise } from "../duty/index.ts";
import { canonicaliseResult } from "../infosync/index.ts";
import { type MessageHandler, silent, unmetered } from "../ports/index.ts";
import { type DutyId, dutyKinds, dutyMetricName, type OperatorIndex, slotStart } from "../spec/index.ts";
import { createConsensus, type RunningConsensus } from "./consensus.ts";
import type { Decision } from "./types.ts";
import { Envelope, hashValue, kindOf, valueName } from "./wire.ts";

const traffic = sharedPath("fixtures/charon-traffic/traffic.jsonl");
const golden = join(import.meta.dirname, "../../test/golden");
const charonKeys = (
  JSON.parse(readFileSync(join(golden, "charon-traffic-enrs.json"), "utf8")) as string[]
).map((enr) => parseEnr(enr).publicKey);
/** The recording node was silent, so nobody's signature is missed when its place has another key. */
const OURS = 3;
const key = NodeKey.fromBytes(sha256(Buffer.from("in the place of node 3")));
const chain = simChainSpec(32);

interface Line {
  readonly from: number;
  readonly bytes: Uint8Array;
  readonly kind: string | undefined;
  readonly round: number;
  /** Name of the value that it votes for. */
  readonly value: string;
}

/** The recorded consensus messages by duty, as "<slot>/<Charon's name of the kind>". */
function byDuty(path: string): Map<string, Line[]> {
  const duties = new Map<string, Line[]>();
  for (const text of readFileSync(path, "utf8").split("\n")) {
    if (!text.includes('"qbft"')) continue;
    const { from, hex, decoded } = JSON.parse(text) as {
      from: string;
      hex: string;
      decoded: { duty: string };
    };
    const bytes = fromHex(hex);
    const part = Envelope.decode(bytes).message;
    assert.ok(part !== undefined);
    const line = {
      from: Number(from.replace("node", "")),
      bytes,
      kind: kindOf(part.type),
      round: part.round,
      value: valueName(part.valueHash),
    };
    duties.set(decoded.duty, [...(duties.get(decoded.duty) ?? []), line]);
  }
  return duties;
}

function dutyOf(name: string): DutyId {
  const [slot, kind] = name.split("/");
  const known = dutyKinds.find((one) => dutyMetricName(one) === kind);
  assert.ok(known !== undefined, name);
  return { slot: Number(slot), kind: known };
}

/** Whether f + 1 = 2 operators had left the round before its proposal came, so that we have left it too. */
function isOvertaken(before: readonly Line[], round: number): boolean {
  const ahead = before.filter((line) => line.kind === "round-change" && line.round > round);
  return new Set(ahead.map(({ from }) => from)).size >= 2;
}

/** Our consensus in the place of the silent node. */
function joinCharon(clock: SimClock): {
  readonly consensus: RunningConsensus;
  readonly receive: MessageHandler;
  readonly sent: Uint8Array[];
  readonly dropped: unknown[];
} {
  let receive: MessageHandler = () => undefined;
  const sent: Uint8Array[] = [];
  const dropped: unknown[] = [];
  const consensus = createConsensus({
    clock,
    chain,
    key,
    publicKeys: charonKeys.map((publicKey, i) => (i === OURS ? key.publicKey : publicKey)),
    admit: () => true,
    canonicalise: (value, kind) => (kind === "info-sync" ? canonicaliseResult(value) : canonicalise(value)),
    log: silent,
    meter: {
      ...unmetered,
      counter: (name) => ({
        add: (_by, labels) => void (name === "trireme_consensus_dropped_total" && dropped.push(labels)),
      }),
    },
    transport: {
      self: OURS as OperatorIndex,
      operatorCount: charonKeys.length,
      connected: () => [],
      onBroken: () => {},
      send: async (to, _protocol, bytes) => {
        if (to === 0) sent.push(bytes);
      },
      request: async () => new Uint8Array(),
      handle: (_protocol, _limits, handler) => {
        receive = handler;
      },
    },
  });
  return { consensus, receive: (from, bytes) => receive(from, bytes), sent, dropped };
}

// What real Charon nodes agreed on without us, replayed to a node of ours that takes part: it believes their justifications,
// counts their votes, and decides what they decided.
test("in the place of a silent node we follow real Charon nodes to their decisions", {
  skip: traffic === undefined ? missingShared("fixtures/charon-traffic/traffic.jsonl") : false,
}, async (t) => {
  const rounds: Record<number, number> = {};
  for (const [name, lines] of byDuty(traffic ?? "")) {
    const duty = dutyOf(name);
    const clock = new SimClock(slotStart(chain, duty.slot));
    const { consensus, receive, sent, dropped } = joinCharon(clock);
    let decision: Decision | undefined;
    consensus
      .agree(duty, { proposal: new Promise(() => {}), acceptable: () => true }, new AbortController().signal)
      .then(
        (decided) => {
          decision = decided;
        },
        () => {},
      );
    for (const { from, bytes } of lines) await receive(from as OperatorIndex, bytes);
    await clock.run({ forMs: 3_000 });
    // As Charon's: no value is 32 zero bytes, and every value that is named comes along.
    for (const bytes of sent) {
      const { message, values } = Envelope.decode(bytes);
      assert.ok(message?.valueHash.length === 32 && message.preparedValueHash.length === 32, name);
      const named = valueName(message.valueHash) === "" ? 0 : 1;
      assert.ok(values.length >= named, name);
    }
    assert.deepEqual(dropped, [], name);
    const place = lines.findIndex(({ kind }) => kind === "pre-prepare");
    const proposal = lines[place];
    if (proposal !== undefined && !isOvertaken(lines.slice(0, place), proposal.round)) {
      const votes = sent.map((bytes) => kindOf(Envelope.decode(bytes).message?.type ?? 0));
      assert.ok(votes.includes("prepare"), `${name}: a justified proposal gets our vote`);
      const commits = lines.filter(({ kind }) => kind === "commit");
      if (commits.length >= 2) {
        assert.equal(decision && valueName(hashValue(decision.value)), commits[0]?.value, name);
        assert.equal(decision?.round, commits[0]?.round, name);
        rounds[decision?.round ?? 0] = (rounds[decision?.round ?? 0] ?? 0) + 1;
      }
    }
    consensus.stop();
  }
  t.diagnostic(`decided by round: ${JSON.stringify(rounds)}`);
  assert.ok((rounds[1] ?? 0) >= 15 && (rounds[2] ?? 0) >= 5, JSON.stringify(rounds));
});
