import { type Epoch, epochOf, firstSlotOf, type ValidatorIndex } from "../../spec/index.ts";
import { EPOCHS_PER_SYNC_PERIOD } from "../roster.ts";
import { currentEpoch, lastRootBefore } from "../world.ts";
import { answer, done } from "./answer.ts";
import {
  badRequest,
  type Call,
  hexBytes,
  param,
  RequestRefused,
  type Route,
  readIndices,
  readJson,
  wholeNumber,
} from "./call.ts";
import { dutyEpoch } from "./ids.ts";

/** Who has to do what, and what clients tell about their validators. */
export const dutyRoutes: readonly Route[] = [
  { method: "POST", path: "/eth/v1/validator/duties/attester/:epoch", run: attesterDuties },
  {
    method: "GET",
    path: "/eth/v1/validator/duties/proposer/:epoch",
    run: (call) => proposerDuties(call, (epoch) => epoch),
  },
  {
    // Fulu knows proposers one epoch ahead, so they depend on an earlier block.
    method: "GET",
    path: "/eth/v2/validator/duties/proposer/:epoch",
    run: (call) => proposerDuties(call, (epoch) => epoch - 1),
  },
  { method: "POST", path: "/eth/v1/validator/duties/sync/:epoch", run: syncDuties },
  { method: "POST", path: "/eth/v1/validator/liveness/:epoch", run: liveness },
  {
    method: "POST",
    path: "/eth/v1/validator/prepare_beacon_proposer",
    run: async ({ world, request }) => {
      for (const [index, recipient] of (await objects(request)).map(readPreparation))
        if (world.validators.get(index) !== undefined) world.feeRecipients.set(index, recipient);
      return done();
    },
  },
  {
    method: "POST",
    path: "/eth/v1/validator/beacon_committee_subscriptions",
    run: async (call) => {
      for (const item of await objects(call.request)) noteSubscription(call, item);
      return done();
    },
  },
  {
    method: "POST",
    path: "/eth/v1/validator/sync_committee_subscriptions",
    run: async ({ request }) => {
      for (const item of await objects(request))
        wholeNumber(text(item["validator_index"]), "validator_index");
      return done();
    },
  },
  // For distributed validators a middleware answers these; a plain beacon node cannot.
  ...["beacon_committee_selections", "sync_committee_selections"].map(
    (selections): Route => ({
      method: "POST",
      path: `/eth/v1/validator/${selections}`,
      run: () => {
        throw new RequestRefused(501, "this is a beacon node and not a distributed-validator middleware");
      },
    }),
  ),
];

async function attesterDuties(call: Call): Promise<Response> {
  const { world } = call;
  const epoch = dutyEpoch(call);
  const indices = await readIndices(call.request);
  const duties = indices.flatMap((index) => {
    const seat = world.roster.seat(epoch, index);
    return seat === undefined
      ? []
      : [
          {
            pubkey: keyOf(call, index),
            validator_index: String(index),
            committee_index: String(seat.committee),
            committee_length: String(seat.committeeLength),
            committees_at_slot: String(world.roster.committeesPerSlot),
            validator_committee_index: String(seat.position),
            slot: String(seat.slot),
          },
        ];
  });
  return answer(duties, dependent(call, epoch - 1));
}

function proposerDuties(call: Call, dependsOn: (epoch: Epoch) => Epoch): Response {
  const { world } = call;
  const epoch = dutyEpoch(call);
  const first = firstSlotOf(world.spec, epoch);
  const duties = Array.from({ length: world.spec.slotsPerEpoch }, (_, place) => first + place)
    .filter((slot) => slot > 0) // Nobody proposes the genesis block.
    .map((slot) => {
      const index = world.roster.proposer(slot);
      return { pubkey: keyOf(call, index), validator_index: String(index), slot: String(slot) };
    });
  return answer(duties, dependent(call, dependsOn(epoch)));
}

async function syncDuties(call: Call): Promise<Response> {
  const { world, at } = call;
  const epoch = wholeNumber(param(call, "epoch"), "epoch");
  const period = (one: Epoch): number => Math.floor(one / EPOCHS_PER_SYNC_PERIOD);
  if (period(epoch) > period(currentEpoch(world, at)) + 1)
    throw badRequest("epoch is beyond the next sync committee period");
  const indices = await readIndices(call.request);
  const duties = indices.flatMap((index) => {
    const seats = world.validators.get(index) === undefined ? [] : world.roster.syncSeats(epoch, index);
    return seats.length === 0
      ? []
      : [
          {
            pubkey: keyOf(call, index),
            validator_index: String(index),
            validator_sync_committee_indices: seats.map(String),
          },
        ];
  });
  return answer(duties, { execution_optimistic: false });
}

async function liveness(call: Call): Promise<Response> {
  const { world } = call;
  const epoch = wholeNumber(param(call, "epoch"), "epoch");
  const now = currentEpoch(world, call.at);
  if (epoch > now || epoch < now - 1) throw badRequest("epoch is neither the present nor the previous one");
  const indices = await readIndices(call.request);
  return answer(
    indices.map((index) => ({
      index: String(index),
      is_live: world.live.get(epoch)?.has(index) ?? false,
    })),
  );
}

function dependent(call: Call, epoch: Epoch): Record<string, unknown> {
  return { dependent_root: lastRootBefore(call.world, epoch), execution_optimistic: false };
}

function keyOf(call: Call, index: ValidatorIndex): string {
  return call.world.validators.get(index)?.key ?? "";
}

function readPreparation(item: Readonly<Record<string, unknown>>): [ValidatorIndex, Uint8Array] {
  return [
    wholeNumber(text(item["validator_index"]), "validator_index"),
    hexBytes(text(item["fee_recipient"]), 20, "fee_recipient"),
  ];
}

/** A subscription says who will aggregate, which nobody else can know before; the ledger expects it then. */
function noteSubscription({ world, at }: Call, item: Readonly<Record<string, unknown>>): void {
  const index = wholeNumber(text(item["validator_index"]), "validator_index");
  const slot = wholeNumber(text(item["slot"]), "slot");
  if (epochOf(world.spec, slot) > currentEpoch(world, at) + 1)
    throw badRequest("slot is too far in the future");
  const seat = world.roster.seat(epochOf(world.spec, slot), index);
  if (item["is_aggregator"] === true && seat?.slot === slot && slot > world.tree.head.slot)
    world.ledger.assign(slot, "aggregator", index);
}

async function objects(request: Request): Promise<Readonly<Record<string, unknown>>[]> {
  const body = await readJson(request);
  if (!Array.isArray(body) || body.some((item) => typeof item !== "object" || item === null))
    throw badRequest("body is not a list of objects");
  return body as Readonly<Record<string, unknown>>[];
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : null;
}
