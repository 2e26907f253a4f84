import { json, param } from "../http/index.ts";
import type { ApiCall, ApiRoute } from "./context.ts";
import type { ClientDutyKind } from "./known-duties.ts";
import { readIndices } from "./read-body.ts";
import { numberIn } from "./upstream.ts";

/** Who has which duty in an epoch. */
export const dutyRoutes: readonly ApiRoute[] = [
  ofIndices("attester_duties", "attester"),
  ofIndices("sync_committee_duties", "sync"),
  ofIndices("ptc_duties", "ptc"),
  ofEpoch("proposer_duties", "proposer", "/eth/v1/validator/duties/proposer/:epoch"),
  ofEpoch("proposer_duties_v2", "proposer-v2", "/eth/v2/validator/duties/proposer/:epoch"),
];

/** Duties of the validators that are asked for; those of strangers are not known here, and nobody asks for them. */
function ofIndices(name: string, kind: ClientDutyKind): ApiRoute {
  return {
    name,
    method: "POST",
    path: `/eth/v1/validator/duties/${kind}/:epoch`,
    run: async (call) => {
      const epoch = epochIn(call);
      const indices = new Set(await readIndices(call.request));
      const { beside, byIndex } = await call.duties.get(kind, epoch, call.from);
      return json(200, { ...beside, data: [...indices].flatMap((index) => byIndex.get(index) ?? []) });
    },
  };
}

/** All proposers of the epoch, strangers too. */
function ofEpoch(name: string, kind: ClientDutyKind, path: string): ApiRoute {
  return {
    name,
    method: "GET",
    path,
    run: async (call) => {
      const { beside, items } = await call.duties.get(kind, epochIn(call), call.from);
      return json(200, { ...beside, data: items });
    },
  };
}

const epochIn = (call: ApiCall): number => numberIn(param(call, "epoch"), "the epoch");
