import { toHex } from "../base/index.ts";
import { hexBytes, listOf, RequestRefused, readJson } from "../http/index.ts";
import { firstSlotOf, type GroupKey, ssz } from "../spec/index.ts";
import { type ApiCall, type ApiRoute, ownValidator, submitAll } from "./context.ts";
import { short } from "./key-book.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "./limits.ts";
import { fromJson, indexOf, readItems } from "./read-body.ts";

/**
 * What a client says once in a while: where rewards go, what builders may know, that a validator leaves. The first two are
 * the cluster's to say, by its lock: a client cannot sign a registration of the group key with its share, and operators
 * that name different fee recipients would never agree. Its wishes are compared and otherwise not heeded.
 */
export const settingRoutes: readonly ApiRoute[] = [
  {
    name: "submit_proposal_preparations",
    method: "POST",
    path: "/eth/v1/validator/prepare_beacon_proposer",
    run: prepareProposers,
  },
  {
    name: "submit_validator_registration",
    method: "POST",
    path: "/eth/v1/validator/register_validator",
    run: registerValidators,
  },
  {
    name: "submit_voluntary_exit",
    method: "POST",
    path: "/eth/v1/beacon/pool/voluntary_exits",
    run: exit,
  },
];

const done = (): Response => new Response(null, { status: 200 });

async function prepareProposers(call: ApiCall): Promise<Response> {
  const items = listOf(await readJson(call.request, BODY_BYTES_MAX), ITEMS_MAX);
  const { byIndex } = await call.validators.get();
  for (const [i, item] of items.entries()) {
    const { validator_index: index, fee_recipient: address } = (item ?? {}) as Record<string, unknown>;
    const wanted = hexBytes(String(address), 20, `item ${i}: fee_recipient`);
    const validator = byIndex.get(indexOf(index, `item ${i}: validator_index`));
    if (validator !== undefined) compare(call, validator.groupKey, wanted);
  }
  return done();
}

/** Compares what a client would tell builders with the lock. @throws RequestRefused 400 for a stranger's validator */
export async function registerValidators(call: ApiCall): Promise<Response> {
  const registrations = await readItems(call, ssz.bellatrix.SignedValidatorRegistrationV1);
  for (const { message } of registrations) {
    const key = call.keys.toChain(toHex(message.pubkey));
    if (!call.keys.isOurs(key))
      throw new RequestRefused(400, `validator ${short(key)} is not one of this cluster's`);
    compare(call, key as GroupKey, message.feeRecipient);
  }
  return done();
}

function compare(call: ApiCall, groupKey: GroupKey, wanted: Uint8Array): void {
  const lock = call.cluster.get(groupKey)?.feeRecipient;
  if (lock !== undefined && lock.toLowerCase() !== toHex(wanted))
    call.warnOnce(
      "The validator client names another fee recipient than the cluster lock; the lock's is used",
      {
        validator: short(groupKey),
        client: toHex(wanted),
        lock,
      },
    );
}

async function exit(call: ApiCall): Promise<Response> {
  const type = ssz.phase0.SignedVoluntaryExit;
  const signed = fromJson(type, await readJson(call.request, BODY_BYTES_MAX), "exit");
  const { epoch, validatorIndex } = signed.message;
  const { groupKey } = await ownValidator(call, validatorIndex);
  const slot = firstSlotOf(call.chain, epoch);
  const taken = await submitAll(call, [{ kind: "exit", slot, groupKey, signed }]);
  // Once it is our share's: anybody can send one that is not.
  call.log.info("Exit submitted by the validator client", { validator: short(groupKey), epoch });
  return taken;
}
