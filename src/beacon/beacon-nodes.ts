import { toHex } from "../base/index.ts";
import type {
  BeaconNode,
  ChainEvent,
  Clock,
  IncludedBlock,
  Logger,
  Meter,
  Proposal,
} from "../ports/index.ts";
import { type ChainSpec, ssz } from "../spec/index.ts";
import { encodeAttestations, encodeProposal, hexQuery, parseBlock, parseProposal } from "./blocks.ts";
import { connectChain } from "./connect.ts";
import { type Answer, Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import { subscribeToEvents } from "./events.ts";
import { watchHealth } from "./health.ts";
import { type HttpCall, networkHttp } from "./http.ts";
import { BETTER_ANSWER_MS, BETTER_BLOCK_MS } from "./limits.ts";
import { attesterDuty, bad, LIST_MAX, parseJson, proposerDuty, validatorRecord } from "./parse.ts";
import { Pool } from "./pool.ts";

export interface BeaconNodesOptions {
  /** URLs; may carry a user name and password. */
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Meter;
  /** Instead of the network. */
  readonly http?: HttpCall;
}

/** What a node looks like to an operator. */
export interface BeaconNodeStatus {
  readonly node: string;
  readonly version: string;
  readonly usable: boolean;
  readonly syncDistance: number;
  readonly optimistic: boolean;
  readonly executionOffline: boolean;
  readonly latencyMs: number;
  readonly lastError: string;
}

export interface BeaconNodes extends BeaconNode {
  /** Waits for a node and learns the chain; to be called once, before anything else. */
  connect(forkVersion: Uint8Array | undefined, signal: AbortSignal): Promise<ChainSpec>;
  status(): readonly BeaconNodeStatus[];
  close(): Promise<void>;
}

const JSON_ONLY = { accept: "application/json" } as const;
const SSZ_FIRST = { accept: "application/octet-stream;q=1.0,application/json;q=0.9" } as const;
const JSON_BODY = { accept: "application/json", "content-type": "application/json" } as const;
/** Blocks whose slot is remembered, to tell which of two heads is newer. */
const HEADS_MAX = 256;

/** The beacon nodes of an operator, acting as one. */
export function createBeaconNodes(options: BeaconNodesOptions): BeaconNodes {
  const { clock, meter } = options;
  const log = options.log.room("beacon");
  const network = options.http === undefined ? networkHttp() : undefined;
  const call = options.http ?? network?.call;
  if (call === undefined) throw new Error("no way to call");
  const endpoints = options.endpoints.map((url) => new Endpoint(new URL(url), call, clock));
  const pool = new Pool({ endpoints, clock, meter, timeoutMs: options.timeoutMs });
  const closing = new AbortController();
  let chain: ChainSpec | undefined;
  const slotOfHead = new Map<string, number>();

  const get =
    (path: string, headers: Readonly<Record<string, string>> = JSON_ONLY) =>
    (endpoint: Endpoint, signal: AbortSignal): Promise<Answer> =>
      endpoint.ask({ method: "GET", path, headers }, signal);
  const post =
    (path: string, body: unknown) =>
    (endpoint: Endpoint, signal: AbortSignal): Promise<Answer> =>
      endpoint.ask({ method: "POST", path, headers: JSON_BODY, body: JSON.stringify(body) }, signal);

  function rememberHead(event: ChainEvent): void {
    if (event.kind === "reorg") return;
    slotOfHead.set(event.block, event.slot);
    const [oldest] = slotOfHead.keys();
    if (slotOfHead.size > HEADS_MAX && oldest !== undefined) slotOfHead.delete(oldest);
  }

  return {
    async connect(forkVersion, signal) {
      chain = await connectChain({ endpoints, forkVersion, clock, log }, signal);
      watchHealth(endpoints, clock, log, closing.signal).catch(() => {});
      return chain;
    },

    async validators(pubkeys, signal) {
      if (pubkeys.length === 0) return [];
      const path = "/eth/v1/beacon/states/head/validators";
      const answer = await pool.first("validators", post(path, { ids: pubkeys }), signal);
      const records = parseJson(answer.body).list("data", LIST_MAX, validatorRecord);
      const wanted = new Set<string>(pubkeys);
      return records.filter((record) => wanted.has(record.pubkey));
    },

    async attesterDuties(epoch, indices, signal) {
      const answer = await pool.first(
        "attester_duties",
        post(`/eth/v1/validator/duties/attester/${epoch}`, indices.map(String)),
        signal,
      );
      const json = parseJson(answer.body);
      return {
        dependentRoot: json.hex("dependent_root", 32),
        duties: json.list("data", LIST_MAX, attesterDuty),
      };
    },

    async proposerDuties(epoch, signal) {
      const answer = await pool.first(
        "proposer_duties",
        get(`/eth/v1/validator/duties/proposer/${epoch}`),
        signal,
      );
      const json = parseJson(answer.body);
      return {
        dependentRoot: json.hex("dependent_root", 32),
        duties: json.list("data", LIST_MAX, proposerDuty),
      };
    },

    async attestationData(slot, committeeIndex, signal) {
      const path = `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=${committeeIndex}`;
      const ask = async (
        endpoint: Endpoint,
        limited: AbortSignal,
      ): Promise<ReturnType<typeof ssz.phase0.AttestationData.fromJson>> => {
        const answer = await get(path)(endpoint, limited);
        const data = parseJson(answer.body).raw("data");
        try {
          return ssz.phase0.AttestationData.fromJson(data);
        } catch {
          throw bad("data", "attestation data");
        }
      };
      // A node that has seen a newer block votes for it; the others would vote for its parent.
      const headSlot = (data: { beaconBlockRoot: Uint8Array }): number =>
        slotOfHead.get(toHex(data.beaconBlockRoot)) ?? -1;
      return pool.best(
        "attestation_data",
        ask,
        (a, b) => headSlot(a) - headSlot(b),
        BETTER_ANSWER_MS,
        signal,
      );
    },

    async produceBlock(slot, how, signal) {
      const query = new URLSearchParams({ randao_reveal: hexQuery(how.randaoReveal) });
      if (how.graffiti !== undefined) query.set("graffiti", hexQuery(how.graffiti));
      if (how.builderBoostFactor !== undefined)
        query.set("builder_boost_factor", String(how.builderBoostFactor));
      const path = `/eth/v3/validator/blocks/${slot}?${query}`;
      const ask = async (endpoint: Endpoint, limited: AbortSignal): Promise<Proposal> =>
        parseProposal(await get(path, SSZ_FIRST)(endpoint, limited));
      const byValue = (a: Proposal, b: Proposal): number => Number((a.value ?? 0n) - (b.value ?? 0n));
      return pool.best("proposal", ask, byValue, BETTER_BLOCK_MS, signal);
    },

    async publishAttestations(fork, attestations, signal) {
      const body = encodeAttestations(fork, attestations);
      const headers = { ...JSON_BODY, "eth-consensus-version": fork };
      await pool.everywhere(
        "submit_attestations",
        accepted((endpoint, limited) =>
          endpoint.ask({ method: "POST", path: "/eth/v2/beacon/pool/attestations", headers, body }, limited),
        ),
        signal,
      );
    },

    async publishBlock(proposal, signal) {
      const encoded = encodeProposal(proposal);
      const path = proposal.blinded ? "/eth/v2/beacon/blinded_blocks" : "/eth/v2/beacon/blocks";
      const common = { accept: "application/json", "eth-consensus-version": proposal.fork };
      const publish = async (endpoint: Endpoint, limited: AbortSignal): Promise<Answer> => {
        try {
          return await endpoint.ask(
            {
              method: "POST",
              path,
              headers: { ...common, "content-type": "application/octet-stream" },
              body: encoded.ssz,
            },
            limited,
          );
        } catch (error) {
          const wantsJson =
            error instanceof BeaconError && [406, 415].includes(Number(error.facts["status"]));
          if (!wantsJson) throw error;
          return endpoint.ask(
            {
              method: "POST",
              path,
              headers: { ...common, "content-type": "application/json" },
              body: encoded.json(),
            },
            limited,
          );
        }
      };
      await pool.everywhere("submit_proposal", accepted(publish), signal);
    },

    async prepareProposers(preparations, signal) {
      const body = preparations.map(({ validatorIndex, feeRecipient }) => ({
        validator_index: String(validatorIndex),
        fee_recipient: feeRecipient,
      }));
      await pool.everywhere(
        "submit_proposal_preparations",
        accepted(post("/eth/v1/validator/prepare_beacon_proposer", body)),
        signal,
      );
    },

    async block(id, signal): Promise<IncludedBlock | undefined> {
      try {
        return parseBlock(
          await pool.first("signed_beacon_block", get(`/eth/v2/beacon/blocks/${id}`, SSZ_FIRST), signal),
        );
      } catch (error) {
        if (error instanceof BeaconError && error.facts["status"] === 404) return undefined;
        throw error;
      }
    },

    subscribe(listener, signal) {
      if (chain === undefined) throw new Error("connect comes first");
      const told = (event: ChainEvent): void => {
        rememberHead(event);
        listener(event);
      };
      subscribeToEvents({ endpoints, chain, clock, log }, told, AbortSignal.any([signal, closing.signal]));
    },

    status: () =>
      endpoints.map((endpoint) => ({
        node: endpoint.name,
        version: endpoint.version,
        usable: endpoint.usable,
        syncDistance: endpoint.health.syncDistance,
        optimistic: endpoint.health.optimistic,
        executionOffline: endpoint.health.executionOffline,
        latencyMs: endpoint.latencyMs(0.5),
        lastError: endpoint.lastError,
      })),

    async close() {
      closing.abort(new Error("closing"));
      await network?.close();
    },
  };
}

/** Every operator publishes the same thing, so "I know it already" means that it is out. */
function accepted(attempt: (endpoint: Endpoint, signal: AbortSignal) => Promise<Answer>) {
  return async (endpoint: Endpoint, signal: AbortSignal): Promise<void> => {
    try {
      await attempt(endpoint, signal);
    } catch (error) {
      const reason = error instanceof BeaconError ? String(error.facts["reason"] ?? "") : "";
      if (!/already|duplicate|known|exists|202/i.test(reason) || /unknown/i.test(reason)) throw error;
    }
  };
}
