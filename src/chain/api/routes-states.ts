import { toHex } from "../../base/index.ts";
import { epochOf, type ValidatorIndex } from "../../spec/index.ts";
import { currentFork } from "../chain-spec.ts";
import type { Checkpoint } from "../checkpoints.ts";
import { EPOCHS_PER_SYNC_PERIOD, SEATS_PER_SUBCOMMITTEE, SYNC_SUBCOMMITTEES } from "../roster.ts";
import { FAR_FUTURE_EPOCH, registryEntry, statusAt, type ValidatorState } from "../validators.ts";
import { currentEpoch } from "../world.ts";
import { answerOf } from "./answer.ts";
import {
  badRequest,
  type Call,
  notFound,
  param,
  queryList,
  type Route,
  readJson,
  wholeNumber,
} from "./call.ts";
import { type NamedState, stateOf } from "./ids.ts";

const at = (rest: string): string => `/eth/v1/beacon/states/:state/${rest}`;

/** What the states of the chain hold. */
export const stateRoutes: readonly Route[] = [
  {
    method: "GET",
    path: at("root"),
    run: (call) => {
      const state = stateOf(call);
      return answerOf(state, { root: toHex(state.block.stateRoot) });
    },
  },
  {
    method: "GET",
    path: at("fork"),
    run: (call) => answerOf(stateOf(call), currentFork(call.world.settings.genesisForkVersion)),
  },
  { method: "GET", path: at("finality_checkpoints"), run: finality },
  {
    method: "GET",
    path: at("validators"),
    run: (call) =>
      listValidators(call, stateOf(call), queryList(call.url, "id"), queryList(call.url, "status")),
  },
  { method: "POST", path: at("validators"), run: postValidators },
  { method: "GET", path: at("validators/:validator"), run: oneValidator },
  {
    method: "GET",
    path: at("validator_balances"),
    run: (call) => listBalances(call, stateOf(call), queryList(call.url, "id")),
  },
  {
    method: "POST",
    path: at("validator_balances"),
    run: async (call) => listBalances(call, stateOf(call), texts(await readJson(call.request), "ids")),
  },
  { method: "GET", path: at("committees"), run: committees },
  { method: "GET", path: at("sync_committees"), run: syncCommittees },
  {
    method: "GET",
    path: at("randao"),
    run: (call) => {
      const state = stateOf(call);
      return answerOf(state, { randao: toHex(state.block.mix) });
    },
  },
  ...["pending_deposits", "pending_partial_withdrawals", "pending_consolidations"].map(
    (list): Route => ({
      method: "GET",
      path: at(list),
      run: (call) => answerOf({ ...stateOf(call), versioned: true }, []),
    }),
  ),
];

function finality(call: Call): Response {
  const state = stateOf(call);
  const checkpoints = call.world.checkpoints.during(state.epoch);
  if (checkpoints === undefined) throw notFound("state is no longer kept");
  const text = ({ epoch, root }: Checkpoint): unknown => ({ epoch: String(epoch), root: toHex(root) });
  return answerOf(state, {
    previous_justified: text(checkpoints.previousJustified),
    current_justified: text(checkpoints.currentJustified),
    finalized: text(checkpoints.finalized),
  });
}

async function postValidators(call: Call): Promise<Response> {
  const body = await readJson(call.request);
  if (typeof body !== "object" || body === null) throw badRequest("body is not an object");
  const { ids, statuses } = body as { ids?: unknown; statuses?: unknown };
  return listValidators(call, stateOf(call), texts(ids ?? [], "ids"), texts(statuses ?? [], "statuses"));
}

function listValidators(
  call: Call,
  state: NamedState,
  ids: readonly string[],
  statuses: readonly string[],
): Response {
  const found = validatorsOf(call, ids).filter((validator) => {
    const status = statusAt(validator, state.epoch);
    return (
      statuses.length === 0 || statuses.some((wanted) => status === wanted || status.startsWith(`${wanted}_`))
    );
  });
  return answerOf(
    state,
    found.map((validator) => validatorJson(validator, state.epoch)),
  );
}

function oneValidator(call: Call): Response {
  const state = stateOf(call);
  const [validator] = validatorsOf(call, [param(call, "validator")]);
  if (validator === undefined) throw notFound("validator is not known");
  return answerOf(state, validatorJson(validator, state.epoch));
}

function listBalances(call: Call, state: NamedState, ids: readonly string[]): Response {
  return answerOf(
    state,
    validatorsOf(call, ids).map(({ index, balanceGwei }) => ({
      index: String(index),
      balance: String(balanceGwei),
    })),
  );
}

/** Validators by index or public key; all for no id. Those that are not known are left out. */
export function validatorsOf({ world }: Call, ids: readonly string[]): ValidatorState[] {
  if (ids.length === 0) return [...world.validators.all];
  const found = new Map<ValidatorIndex, ValidatorState>();
  for (const id of ids) {
    if (!/^(\d{1,16}|0x[0-9a-fA-F]{96})$/.test(id))
      throw badRequest(`${id.slice(0, 100)} is neither a validator index nor a public key`);
    const validator = id.startsWith("0x") ? world.validators.byKey(id) : world.validators.get(Number(id));
    if (validator !== undefined) found.set(validator.index, validator);
  }
  return [...found.values()].toSorted((a, b) => a.index - b.index);
}

function validatorJson(validator: ValidatorState, epoch: number): unknown {
  const entry = registryEntry(validator);
  const text = (value: number): string =>
    value === FAR_FUTURE_EPOCH ? "18446744073709551615" : String(value);
  return {
    index: String(validator.index),
    balance: String(validator.balanceGwei),
    status: statusAt(validator, epoch),
    validator: {
      pubkey: validator.key,
      withdrawal_credentials: toHex(entry.withdrawalCredentials),
      effective_balance: String(entry.effectiveBalance),
      slashed: false,
      activation_eligibility_epoch: "0",
      activation_epoch: "0",
      exit_epoch: text(entry.exitEpoch),
      withdrawable_epoch: text(entry.withdrawableEpoch),
    },
  };
}

function committees(call: Call): Response {
  const { world, url } = call;
  const state = stateOf(call);
  const filter = (name: string): number | undefined => {
    const text = url.searchParams.get(name);
    return text === null ? undefined : wholeNumber(text, name);
  };
  const epoch = filter("epoch") ?? state.epoch;
  if (epoch > currentEpoch(world, call.at) + 1) throw badRequest("epoch is too far in the future");
  const [slot, index] = [filter("slot"), filter("index")];
  const first = epoch * world.spec.slotsPerEpoch;
  const slots = Array.from({ length: world.spec.slotsPerEpoch }, (_, place) => first + place);
  if (slot !== undefined && epochOf(world.spec, slot) !== epoch) throw badRequest("slot is not in the epoch");
  return answerOf(
    state,
    slots
      .filter((one) => slot === undefined || one === slot)
      .flatMap((one) =>
        world.roster.committeesAt(one).map((members, committee) => ({
          index: String(committee),
          slot: String(one),
          validators: members.map(String),
        })),
      )
      .filter((one) => index === undefined || one.index === String(index)),
  );
}

function syncCommittees(call: Call): Response {
  const { world, url } = call;
  const state = stateOf(call);
  const text = url.searchParams.get("epoch");
  const epoch = text === null ? state.epoch : wholeNumber(text, "epoch");
  const period = (one: number): number => Math.floor(one / EPOCHS_PER_SYNC_PERIOD);
  if (period(epoch) > period(currentEpoch(world, call.at)) + 1)
    throw badRequest("epoch is too far in the future");
  const members = world.roster.syncCommittee(epoch).map(String);
  return answerOf(state, {
    validators: members,
    validator_aggregates: Array.from({ length: SYNC_SUBCOMMITTEES }, (_, subcommittee) =>
      members.slice(subcommittee * SEATS_PER_SUBCOMMITTEE, (subcommittee + 1) * SEATS_PER_SUBCOMMITTEE),
    ),
  });
}

function texts(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string"))
    throw badRequest(`${what} is not a list of texts`);
  return value as string[];
}
