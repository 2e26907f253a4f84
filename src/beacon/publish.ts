import type { BeaconNode, SignedProposal } from "../ports/index.ts";
import { ssz } from "../spec/index.ts";
import { encodeProposal } from "./blocks.ts";
import type { Endpoint, Question } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import type { Attempt } from "./pool.ts";

const JSON_TYPE = "application/json";

/** Hands a message to one node. That the node has it already counts as accepted. */
function tell(question: Question): Attempt<void> {
  return async (endpoint, signal) => {
    try {
      await endpoint.ask(question, signal);
    } catch (error) {
      if (!(error instanceof BeaconError) || error.facts["alreadyKnown"] !== true) throw error;
    }
  };
}

/** The same for a message as JSON, with its fork where its form follows from that. */
export function tellJson(path: string, body: unknown, fork?: string): Attempt<void> {
  const version = fork === undefined ? {} : { "eth-consensus-version": fork };
  return tell({
    method: "POST",
    path,
    headers: { "content-type": JSON_TYPE, ...version },
    body: JSON.stringify(body),
  });
}

export function tellAttestations(fork: string, body: string): Attempt<void> {
  const headers = { "content-type": JSON_TYPE, "eth-consensus-version": fork };
  return tell({ method: "POST", path: "/eth/v2/beacon/pool/attestations", headers, body });
}

export function tellPreparations(preparations: Parameters<BeaconNode["prepareProposers"]>[0]): Attempt<void> {
  const body = preparations.map(({ validatorIndex, feeRecipient }) => ({
    validator_index: String(validatorIndex),
    fee_recipient: feeRecipient,
  }));
  return tellJson("/eth/v1/validator/prepare_beacon_proposer", body);
}

export function tellRegistrations(
  registrations: Parameters<BeaconNode["registerValidators"]>[0],
): Attempt<void> {
  const type = ssz.bellatrix.SignedValidatorRegistrationV1;
  return tellJson(
    "/eth/v1/validator/register_validator",
    registrations.map((registration) => type.toJson(registration)),
  );
}

export function tellExit(exit: Parameters<BeaconNode["publishExit"]>[0]): Attempt<void> {
  return tellJson("/eth/v1/beacon/pool/voluntary_exits", ssz.phase0.SignedVoluntaryExit.toJson(exit));
}

/**
 * Publishes as SSZ, which is half as long, and as JSON to a node that wants it.
 *
 * @param wantJson - Remembers such nodes, so that the next block reaches them in one request.
 */
export function tellProposal(proposal: SignedProposal, wantJson: WeakSet<Endpoint>): Attempt<void> {
  const encoded = encodeProposal(proposal);
  const path = proposal.blinded ? "/eth/v2/beacon/blinded_blocks" : "/eth/v2/beacon/blocks";
  const version = { "eth-consensus-version": proposal.fork };
  const question = (type: string, body: Required<Question>["body"]): Question => ({
    method: "POST",
    path,
    headers: { ...version, "content-type": type },
    body,
  });
  return async (endpoint, signal) => {
    if (!wantJson.has(endpoint)) {
      try {
        return await tell(question("application/octet-stream", encoded.ssz))(endpoint, signal);
      } catch (error) {
        if (!(error instanceof BeaconError) || ![406, 415].includes(Number(error.facts["status"])))
          throw error;
        wantJson.add(endpoint);
      }
    }
    return tell(question(JSON_TYPE, encoded.json()))(endpoint, signal);
  };
}
