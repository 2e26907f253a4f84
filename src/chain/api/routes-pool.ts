import { ssz } from "../../spec/index.ts";
import { acceptAggregates } from "../accept-aggregates.ts";
import { acceptAttestations } from "../accept-attestations.ts";
import { acceptExit, acceptRegistrations } from "../accept-exits.ts";
import { acceptContributions, acceptSyncMessages } from "../accept-sync.ts";
import { packVotes } from "../attestation-pool.ts";
import { FORK_NAME } from "../chain-spec.ts";
import { currentSlot, type Outcome } from "../world.ts";
import { answer, checkVersion, done } from "./answer.ts";
import {
  badRequest,
  type Call,
  fromJson,
  RequestRefused,
  type Route,
  readItems,
  readJson,
  wholeNumber,
} from "./call.ts";

const OLD_FORM = "this chain is past Electra: use version 2 of this endpoint";
const OLD: Route["run"] = () => {
  throw badRequest(OLD_FORM);
};

/** What validator clients send in. */
export const poolRoutes: readonly Route[] = [
  { method: "POST", path: "/eth/v1/beacon/pool/attestations", run: OLD },
  { method: "GET", path: "/eth/v1/beacon/pool/attestations", run: OLD },
  {
    method: "POST",
    path: "/eth/v2/beacon/pool/attestations",
    run: async ({ world, request, at }) => {
      checkVersion(request);
      const items = await readItems(request, ssz.electra.SingleAttestation);
      return judged(await acceptAttestations(world, items, at));
    },
  },
  { method: "GET", path: "/eth/v2/beacon/pool/attestations", run: pooledAttestations },
  {
    method: "POST",
    path: "/eth/v1/beacon/pool/sync_committees",
    run: async ({ world, request, at }) =>
      judged(await acceptSyncMessages(world, await readItems(request, ssz.altair.SyncCommitteeMessage), at)),
  },
  { method: "POST", path: "/eth/v1/validator/aggregate_and_proofs", run: OLD },
  {
    method: "POST",
    path: "/eth/v2/validator/aggregate_and_proofs",
    run: async ({ world, request, at }) => {
      checkVersion(request);
      const items = await readItems(request, ssz.fulu.SignedAggregateAndProof);
      return judged(await acceptAggregates(world, items, at));
    },
  },
  {
    method: "POST",
    path: "/eth/v1/validator/contribution_and_proofs",
    run: async ({ world, request, at }) =>
      judged(
        await acceptContributions(world, await readItems(request, ssz.altair.SignedContributionAndProof), at),
      ),
  },
  {
    method: "POST",
    path: "/eth/v1/beacon/pool/voluntary_exits",
    run: async ({ world, request, at }) => {
      const exit = fromJson(ssz.phase0.SignedVoluntaryExit, await readJson(request), "body");
      const outcome = await acceptExit(world, exit, at);
      if (!outcome.accepted) throw badRequest(`voluntary exit: ${outcome.reason}`);
      return done();
    },
  },
  {
    method: "GET",
    path: "/eth/v1/beacon/pool/voluntary_exits",
    run: ({ world }) =>
      answer([...world.exits.values()].map((exit) => ssz.phase0.SignedVoluntaryExit.toJson(exit))),
  },
  ...["proposer_slashings", "bls_to_execution_changes"].map(
    (pool): Route => ({
      method: "GET",
      path: `/eth/v1/beacon/pool/${pool}`,
      run: () => answer([]),
    }),
  ),
  {
    method: "GET",
    path: "/eth/v2/beacon/pool/attester_slashings",
    run: () => answer([], { version: FORK_NAME }),
  },
  {
    method: "POST",
    path: "/eth/v1/validator/register_validator",
    run: async ({ world, request, at }) =>
      judged(
        await acceptRegistrations(
          world,
          await readItems(request, ssz.bellatrix.SignedValidatorRegistrationV1),
          at,
        ),
      ),
  },
];

/** 200 when every item was taken, else 400 with the places of those that were not; the others are taken all the same. */
function judged(outcomes: readonly Outcome[]): Response {
  const failures = outcomes.flatMap((outcome, index) =>
    outcome.accepted ? [] : [{ index, message: outcome.reason }],
  );
  const [first] = failures;
  if (first === undefined) return done();
  throw new RequestRefused(
    400,
    `${failures.length} of ${outcomes.length} not taken; item ${first.index}: ${first.message}`,
    failures,
  );
}

function pooledAttestations({ world, url, at }: Call): Response {
  const filter = (name: string): number | undefined => {
    const text = url.searchParams.get(name);
    return text === null ? undefined : wholeNumber(text, name);
  };
  const [slot, committee] = [filter("slot"), filter("committee_index")];
  const votes = world.attestations.between(slot ?? 0, slot ?? currentSlot(world, at));
  return answer(
    votes.flatMap((one) =>
      [...one.committees.keys()]
        .filter((index) => committee === undefined || index === committee)
        .flatMap((index) => {
          const attestation = packVotes(one, [index]);
          return attestation === undefined ? [] : [ssz.fulu.Attestation.toJson(attestation)];
        }),
    ),
    { version: FORK_NAME },
  );
}
