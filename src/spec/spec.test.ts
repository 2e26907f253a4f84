import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../base/index.ts";
import {
  type ChainSpec,
  domainAt,
  dutyDeadline,
  dutyDue,
  dutyKindOfWire,
  dutyKinds,
  dutyName,
  dutyWireNumber,
  epochOf,
  forkAt,
  readChainSpec,
  SpecError,
  slotAt,
  slotStart,
} from "./index.ts";

const forks = { ALTAIR: 0x20, BELLATRIX: 0x21, CAPELLA: 0x22, DENEB: 0x23, ELECTRA: 0x24, FULU: 0x25 };
const raw = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  PRESET_BASE: "mainnet",
  CONFIG_NAME: "test",
  SECONDS_PER_SLOT: "12",
  SLOTS_PER_EPOCH: "32",
  ...Object.fromEntries(Object.keys(forks).map((name) => [`${name}_FORK_EPOCH`, "0"])),
  ...Object.fromEntries(
    Object.entries(forks).map(([name, byte]) => [`${name}_FORK_VERSION`, `0x${byte.toString(16)}000089`]),
  ),
  GENESIS_FORK_VERSION: "0x20000089",
  BLOB_SCHEDULE: [],
  ...more,
});
const genesis = {
  genesis_time: "1000",
  genesis_validators_root: `0x${"11".repeat(32)}`,
  genesis_fork_version: "0x20000089",
};
const chainOf = (more?: Record<string, unknown>): ChainSpec => readChainSpec(raw(more), genesis);

test("slots, epochs and deadlines come from the beacon node's own numbers", () => {
  const chain = chainOf();
  assert.equal(slotStart(chain, 10), 1_000_000 + 120_000);
  assert.equal(slotAt(chain, 1_000_000 + 11_999), 0);
  assert.equal(slotAt(chain, 999_999), -1);
  assert.equal(epochOf(chain, 64), 2);
  assert.equal(dutyDue(chain, { slot: 1, kind: "attester" }) - slotStart(chain, 1), 3999);
  assert.equal(dutyDue(chain, { slot: 1, kind: "proposer" }) - slotStart(chain, 1), 0);
  assert.equal(dutyDeadline(chain, { slot: 0, kind: "proposer" }), 1_000_000 + 5000);
  assert.equal(dutyDeadline(chain, { slot: 0, kind: "exit" }), undefined);
});

test("slots of 5 s, 6 s and 1 s need no code", () => {
  assert.equal(chainOf({ SECONDS_PER_SLOT: "5" }).slotMs, 5000);
  assert.equal(chainOf({ SLOT_DURATION_MS: "1000" }).slotMs, 1000);
});

test("a deadline that a fork moves holds from that fork on", () => {
  const chain = chainOf({
    GLOAS_FORK_EPOCH: "5",
    ATTESTATION_DUE_BPS_GLOAS: "2500",
    ATTESTATION_DUE_BPS: "3333",
  });
  const intoSlot = (slot: number): number =>
    dutyDue(chain, { slot, kind: "attester" }) - slotStart(chain, slot);
  assert.equal(intoSlot(5 * 32 - 1), 3999);
  assert.equal(intoSlot(5 * 32), 3000);
  assert.equal(dutyDue(chain, { slot: 5 * 32, kind: "sync-message" }) - slotStart(chain, 5 * 32), 3999);
});

test("a specification without its slot length is refused with the name of what is missing", () => {
  const without = raw();
  delete without["SLOTS_PER_EPOCH"];
  assert.throws(
    () => readChainSpec(without, genesis),
    (error: SpecError) => error.code === "spec/missing" && error.facts["name"] === "SLOTS_PER_EPOCH",
  );
});

test("domains follow the fork, except those that are fixed by the specification", () => {
  const early = chainOf();
  const later = chainOf({ FULU_FORK_EPOCH: "5" });
  assert.notDeepEqual(domainAt(later, "attester", 4), domainAt(later, "attester", 5));
  assert.deepEqual(domainAt(later, "exit", 4), domainAt(later, "exit", 5));
  assert.deepEqual(domainAt(early, "applicationBuilder", 0), domainAt(later, "applicationBuilder", 9));
  assert.ok(toHex(domainAt(early, "applicationBuilder", 0)).startsWith("0x00000001"));
});

test("the fork of a slot goes by the epochs of the chain, however many slots they have", () => {
  const chain = chainOf({ ELECTRA_FORK_EPOCH: "2", FULU_FORK_EPOCH: "5", SLOTS_PER_EPOCH: "16" });
  const forks = [2 * 16 - 1, 2 * 16, 5 * 16 - 1, 5 * 16].map((slot) => forkAt(chain, slot));
  assert.deepEqual(forks, ["deneb", "electra", "electra", "fulu"]);
});

test("every duty kind keeps its number on the wire", () => {
  for (const kind of dutyKinds) assert.equal(dutyKindOfWire(dutyWireNumber(kind)), kind);
  assert.equal(dutyWireNumber("attester"), 2);
  assert.equal(dutyWireNumber("info-sync"), 13);
  assert.equal(dutyKindOfWire(0), undefined);
  assert.equal(dutyKindOfWire(5), undefined);
  assert.equal(dutyName({ slot: 9120031, kind: "attester" }), "9120031/attester");
});
