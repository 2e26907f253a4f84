import { badRequest, json, listOf, queryList, RequestRefused, readJson } from "../http/index.ts";
import { clientOf, VALIDATOR_CLIENTS } from "./clients.ts";
import type { ApiCall, ApiRoute } from "./context.ts";
import { BODY_BYTES_MAX, ITEMS_MAX } from "./limits.ts";

/** Where a beacon node's answer or the request carries keys, and nothing else is ours to say. */
const TRANSLATED: readonly {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Where the request names validators. */
  readonly ids: "query" | "body" | "none";
}[] = [
  { method: "GET", path: "/eth/v1/beacon/states/:state_id/validator_balances", ids: "query" },
  { method: "POST", path: "/eth/v1/beacon/states/:state_id/validator_balances", ids: "body" },
  { method: "POST", path: "/eth/v1/beacon/states/:state_id/validator_identities", ids: "body" },
  { method: "GET", path: "/eth/v1/beacon/states/:state_id/pending_deposits", ids: "none" },
  { method: "POST", path: "/eth/v1/beacon/rewards/attestations/:epoch", ids: "body" },
  { method: "POST", path: "/eth/v1/beacon/rewards/sync_committee/:block_id", ids: "body" },
];

/** Answers that hold for as long as the chain does, or change with the beacon node's software. */
const FIXED: readonly string[] = [
  "/eth/v1/config/spec",
  "/eth/v1/config/fork_schedule",
  "/eth/v1/config/deposit_contract",
  "/eth/v1/beacon/genesis",
];

/** Left behind by the specification. A client that finds them missing uses the newer ones. */
const RETIRED: readonly {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly instead: string;
}[] = [
  { method: "POST", path: "/eth/v1/beacon/pool/attestations", instead: "/eth/v2/beacon/pool/attestations" },
  { method: "GET", path: "/eth/v2/validator/blocks/:slot", instead: "/eth/v3/validator/blocks/{slot}" },
  {
    method: "GET",
    path: "/eth/v1/validator/blinded_blocks/:slot",
    instead: "/eth/v3/validator/blocks/{slot}",
  },
  {
    method: "GET",
    path: "/eth/v1/validator/aggregate_attestation",
    instead: "/eth/v2/validator/aggregate_attestation",
  },
  {
    method: "POST",
    path: "/eth/v1/validator/aggregate_and_proofs",
    instead: "/eth/v2/validator/aggregate_and_proofs",
  },
  ...["/proposer_config", ...VALIDATOR_CLIENTS.flatMap(({ settingsPath }) => settingsPath ?? [])].map(
    (path) => ({
      method: "GET" as const,
      path,
      instead: "the validator client's own settings",
    }),
  ),
];

/** What may be sent to the beacon node by POST: nothing that carries a signature by a share, or changes what the node does. */
const POSTS_FORWARDED: readonly RegExp[] = [
  /^\/eth\/v1\/validator\/(beacon_committee_subscriptions|sync_committee_subscriptions)$/,
  /^\/eth\/v1\/validator\/liveness\/[^/]+$/,
];
const EXTENSIONS: ReadonlySet<string> = new Set(
  VALIDATOR_CLIENTS.flatMap(({ extensions }) => extensions ?? []),
);
const mayBePosted = (path: string): boolean =>
  EXTENSIONS.has(path) || POSTS_FORWARDED.some((allowed) => allowed.test(path));

export const otherRoutes: readonly ApiRoute[] = [
  {
    name: "node_version",
    method: "GET",
    path: "/eth/v1/node/version",
    run: nodeVersion,
  },
  ...FIXED.map((path): ApiRoute => ({ name: "fixed", method: "GET", path, run: fixed })),
  ...TRANSLATED.map(
    ({ method, path, ids }): ApiRoute => ({
      name: "translated",
      method,
      path,
      run: (call) => translated(call, ids),
    }),
  ),
  ...RETIRED.map(
    ({ method, path, instead }): ApiRoute => ({
      name: "retired",
      method,
      path,
      run: () => {
        throw new RequestRefused(404, `not served here: use ${instead}`);
      },
    }),
  ),
];

function nodeVersion({ version, request }: ApiCall): Response {
  const { seesMiddlewareBy: word } = clientOf(request);
  return json(200, { data: { version: word === undefined ? version : `${version} (speaks ${word})` } });
}

/** Everything else goes to the beacon node as it came. */
export function passOn(call: ApiCall): Promise<Response> {
  const path = call.url.pathname;
  if (call.request.method === "POST" && !mayBePosted(path))
    throw new RequestRefused(
      501,
      `${path.slice(0, 120)} is not served here, and is not sent to the beacon node because it may carry a partial signature or a setting`,
    );
  return call.passage.through(call);
}

async function translated(call: ApiCall, ids: "query" | "body" | "none"): Promise<Response> {
  if (ids === "none") return call.passage.translated(call, {});
  if (ids === "query") {
    const named = queryList(call.url, "id", ITEMS_MAX).map((id) => call.passage.toChain(id));
    const query = named.length === 0 ? "" : `?id=${named.map(encodeURIComponent).join(",")}`;
    return call.passage.translated(call, { path: call.url.pathname + query });
  }
  const body = await readJson(call.request, BODY_BYTES_MAX);
  const named = Array.isArray(body) ? body : (body as { ids?: unknown } | null)?.ids;
  if (named === undefined) throw badRequest("body has no list of validators");
  const list = listOf(named, ITEMS_MAX).map((id) => call.passage.toChain(id));
  return call.passage.translated(call, { body: Array.isArray(body) ? list : { ids: list } });
}

/** Asked once an epoch, however many clients ask how often. */
async function fixed(call: ApiCall): Promise<Response> {
  const document = await call.fixed.get(call.url.pathname);
  return json(200, document);
}
