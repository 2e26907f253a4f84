import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnr } from "../../src/cluster/enr.ts";
import { loadNodeKey, parseLock } from "../../src/cluster/index.ts";
import { Envelope, QBFT_PROTOCOL } from "../../src/consensus/wire.ts";
import { decodePartials, PARSIGEX_PROTOCOL } from "../../src/duty/index.ts";
import { PRIORITY_PROTOCOLS, PriorityMessage } from "../../src/infosync/wire.ts";
import { systemClock } from "../../src/node/index.ts";
import { createP2p, type P2p, PEERINFO_PROTOCOL } from "../../src/p2p/index.ts";
import { memoryAddressBook } from "../../src/p2p/testing/memory-address-book.ts";
import { type ProtocolLimits, silent, unmetered } from "../../src/ports/index.ts";
import { dutyKindOfWire, dutyMetricName, type OperatorIndex } from "../../src/spec/index.ts";
import { FIRST_WATCHED_SLOT, type MixedCluster, type Seat, startMixedCluster } from "./mixed-cluster.ts";
import { peerProgram } from "./peers.ts";

// Records what real nodes send, as golden files for tests that run where no such program is:
//   CHARON_BIN=… PRYSM_VALIDATOR_BIN=… node test/interop/record.ts out.jsonl charon+prysm,charon+prysm,charon+prysm,empty
// The recorder sits in the empty seat, says nothing, and keeps the first message of each sender, protocol, duty and type.
// The first line of the file is what a reader needs to verify the rest.

const SLOT_MS = 5_000;
const VALIDATORS = 4;
/** The last slot of an epoch, in which operators tell what they can do, lies between here and the first watched slot. */
const SLOTS = 6;
const MESSAGE_BYTES_MAX = 16_000;
const limits: ProtocolLimits = {
  messageBytesMax: 32 * 1024 * 1024,
  messagesPerSecondMax: 1_000,
  burstMax: 1_000,
  receiveTimeoutMs: 5_000,
};
const QBFT_TYPES = ["unknown", "pre_prepare", "prepare", "commit", "round_change", "decided"];

interface Line {
  readonly from: string;
  readonly protocol: "qbft" | "parsigex" | "priority" | "peerinfo";
  readonly duty?: string;
  readonly type?: string;
  readonly hex: string;
}

/** What was recorded, one of each kind. */
class Recording {
  readonly lines: Line[] = [];
  readonly #seen = new Set<string>();

  add(line: Line): void {
    if (line.hex.length > 2 * MESSAGE_BYTES_MAX) return;
    const kind = [line.protocol, line.duty?.split("/")[1], line.type, ...this.#sender(line)].join(" ");
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    this.lines.push(line);
  }

  /** Consensus has so many kinds of messages that one of each must do. */
  #sender(line: Line): readonly string[] {
    return line.protocol === "qbft" ? [] : [line.from];
  }
}

const [out, seatNames] = process.argv.slice(2);
if (out === undefined || seatNames === undefined)
  throw new Error("usage: record.ts <file> <seat,seat,…,empty>");
const seats = seatNames.split(",") as Seat[];
const cluster = await startMixedCluster({
  charon: peerProgram("CHARON_BIN").path,
  clients: { prysm: peerProgram("PRYSM_VALIDATOR_BIN").path },
  seats,
  relay: seats.some((seat) => seat.startsWith("trireme")) ? "trireme" : "charon",
  validators: VALIDATORS,
  slotMs: SLOT_MS,
});
try {
  const recording = new Recording();
  const self = seats.indexOf("empty") as OperatorIndex;
  const p2p = listener(cluster, self, recording);
  await p2p.start();
  await cluster.atSlot(FIRST_WATCHED_SLOT + SLOTS);
  for (const operator of p2p.transport.connected()) {
    const answer = await p2p.transport.request(operator, PEERINFO_PROTOCOL, new Uint8Array(0));
    recording.add({ from: `node${operator}`, protocol: "peerinfo", hex: hex(answer) });
  }
  await p2p.stop();
  const header = await headerOf(cluster, self);
  const lines = recording.lines.toSorted((a, b) => (a.protocol < b.protocol ? -1 : 1));
  writeFileSync(out, `${[header, ...lines].map((line) => JSON.stringify(line)).join("\n")}\n`);
  process.stdout.write(`${lines.length} messages in ${out}\n`);
} finally {
  await cluster.stop();
}

/** A node in the empty seat that hears everything and answers nothing. */
function listener({ folder, relay }: MixedCluster, self: OperatorIndex, recording: Recording): P2p {
  const home = join(folder, "cluster", `node${self}`);
  const lock = parseLock(readFileSync(join(home, "cluster-lock.json"), "utf8"));
  const p2p = createP2p({
    privateKey: loadNodeKey(join(home, "charon-enr-private-key")).revealBytes(),
    operators: lock.definition.operators.map(({ enr }, index) => ({
      index: index as OperatorIndex,
      publicKey: parseEnr(enr).publicKey,
    })),
    self,
    lockHash: lock.lockHash,
    listen: ["127.0.0.1:0"],
    relays: [relay],
    nickname: "recorder",
    version: "v0.1.0",
    addressBook: memoryAddressBook(),
    clock: systemClock,
    readEnr: parseEnr,
    log: silent,
    meter: unmetered,
  });
  const hear = (protocol: string, read: (from: string, message: Uint8Array) => Line): void =>
    p2p.transport.handle(protocol, limits, (from, message) => {
      recording.add(read(`node${from}`, message));
      return undefined;
    });
  hear(QBFT_PROTOCOL, (from, message) => {
    const part = Envelope.decode(message).message;
    const duty = nameOf(part?.duty);
    return {
      from,
      protocol: "qbft",
      duty,
      type: QBFT_TYPES[part?.type ?? 0] ?? "unknown",
      hex: hex(message),
    };
  });
  hear(PARSIGEX_PROTOCOL, (from, message) => {
    const { duty } = decodePartials(message);
    return {
      from,
      protocol: "parsigex",
      duty: `${duty.slot}/${dutyMetricName(duty.kind)}`,
      hex: hex(message),
    };
  });
  for (const protocol of PRIORITY_PROTOCOLS)
    hear(protocol, (from, message) => ({
      from,
      protocol: "priority",
      duty: nameOf(PriorityMessage.decode(message).duty),
      hex: hex(message),
    }));
  return p2p;
}

function nameOf(duty: { readonly slot: number; readonly type: number } | undefined): string {
  const kind = dutyKindOfWire(duty?.type ?? 0);
  return `${duty?.slot ?? 0}/${kind === undefined ? "unknown" : dutyMetricName(kind)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

async function headerOf({ folder, chain }: MixedCluster, self: OperatorIndex): Promise<unknown> {
  const lock = parseLock(readFileSync(join(folder, "cluster", `node${self}`, "cluster-lock.json"), "utf8"));
  const ask = async (path: string): Promise<unknown> =>
    ((await (await fetch(`${chain.url}${path}`)).json()) as { data: unknown }).data;
  return {
    seats,
    enrs: lock.definition.operators.map(({ enr }) => enr),
    publicShares: Object.fromEntries(
      lock.validators.map(({ publicKey, publicShares }) => [
        `0x${hex(publicKey)}`,
        publicShares.map((share) => `0x${hex(share)}`),
      ]),
    ),
    spec: await ask("/eth/v1/config/spec"),
    genesis: await ask("/eth/v1/beacon/genesis"),
  };
}
