import { badRequest, json, listOf, notFound, param, queryList, readJson } from "../http/index.ts";
import type { GroupKey } from "../spec/index.ts";
import type { ApiCall, ApiRoute } from "./context.ts";
import { isKey } from "./key-book.ts";
import type { ClientValidator, ValidatorSnapshot } from "./known-validators.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "./limits.ts";

const PATH = "/eth/v1/beacon/states/:state_id/validators";

/** The cluster's validators, by public share. Other states than the head's, and other validators, come from the beacon node. */
export const validatorRoutes: readonly ApiRoute[] = [
  {
    name: "get_validators",
    method: "GET",
    path: PATH,
    run: async (call) =>
      list(call, {
        ids: queryList(call.url, "id", ITEMS_MAX),
        statuses: queryList(call.url, "status", ITEMS_MAX),
      }),
  },
  {
    name: "get_validators",
    method: "POST",
    path: PATH,
    run: async (call) => {
      // Clients that want all send no body, an empty object, or null.
      const body = (await readJson(call.request, BODY_BYTES_MAX, { empty: null })) ?? {};
      if (typeof body !== "object" || Array.isArray(body)) throw badRequest("body is not an object");
      const { ids, statuses } = body as Record<string, unknown>;
      return list(call, { ids: texts(ids, "ids"), statuses: texts(statuses, "statuses") });
    },
  },
  {
    name: "get_validator",
    method: "GET",
    path: `${PATH}/:validator_id`,
    run: async (call) => {
      const id = readId(call, param(call, "validator_id"));
      if (param(call, "state_id") !== "head" || !(await isHere(call, id)))
        return call.passage.translated(call, { path: `${prefix(call)}/${id}` });
      const snapshot = await call.validators.get();
      const found = pick(snapshot, id);
      if (found === undefined) throw notFound("the chain does not know this validator yet");
      return json(200, { ...besideOf(snapshot), data: found.json });
    },
  },
];

const prefix = (call: ApiCall): string => `/eth/v1/beacon/states/${param(call, "state_id")}/validators`;

function texts(value: unknown, what: string): string[] {
  return listOf(value ?? [], ITEMS_MAX, what).map((item) => String(item));
}

/** An index, or a key by its name on chain. @throws RequestRefused 400 */
function readId(call: ApiCall, id: string): string {
  if (isKey(id)) return call.keys.toChain(id);
  if (/^\d{1,20}$/.test(id)) return id;
  throw badRequest(`${id.slice(0, 110)} is neither a validator index nor a public key`);
}

/** Whether the snapshot answers for this id. */
async function isHere(call: ApiCall, id: string): Promise<boolean> {
  return isKey(id) ? call.keys.isOurs(id) : (await call.validators.get()).byIndex.has(Number(id));
}

function pick(snapshot: ValidatorSnapshot, id: string): ClientValidator | undefined {
  return isKey(id) ? snapshot.byGroupKey.get(id as GroupKey) : snapshot.byIndex.get(Number(id));
}

const besideOf = (snapshot: ValidatorSnapshot): Record<string, unknown> => ({
  execution_optimistic: snapshot.executionOptimistic,
  finalized: snapshot.finalized,
});

/**
 * Validators by id, or all of the cluster's when none is named: a client has no use for the chain's million others,
 * and asking a beacon node for them has brought clusters down.
 */
async function list(
  call: ApiCall,
  asked: { readonly ids: readonly string[]; readonly statuses: readonly string[] },
): Promise<Response> {
  const ids = asked.ids.map((id) => readId(call, id));
  if (param(call, "state_id") !== "head") {
    const body = {
      ids: ids.length === 0 ? call.keys.groupKeys : ids,
      ...(asked.statuses.length === 0 ? {} : { statuses: asked.statuses }),
    };
    return call.passage.translated(call, { method: "POST", path: prefix(call), body });
  }
  for (const id of ids) {
    if (!(await isHere(call, id)))
      return call.passage.translated(call, {
        method: "POST",
        path: prefix(call),
        body: { ids, ...(asked.statuses.length === 0 ? {} : { statuses: asked.statuses }) },
      });
  }
  const snapshot = await call.validators.get();
  const found =
    ids.length === 0
      ? [...snapshot.byIndex.values()]
      : [...new Set(ids.map((id) => pick(snapshot, id)).filter((one) => one !== undefined))];
  const wanted = new Set(asked.statuses);
  // "active" stands for "active_ongoing" and the like.
  const fits = ({ status }: ClientValidator): boolean =>
    wanted.size === 0 || wanted.has(status) || wanted.has(status.split("_")[0] as string);
  return json(200, { ...besideOf(snapshot), data: found.filter(fits).map(({ json: object }) => object) });
}
