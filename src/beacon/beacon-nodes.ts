import { explain, present } from "../base/index.ts";
import type {
  BeaconNode,
  BeaconPassage,
  ChainEvent,
  Clock,
  IncludedBlock,
  Logger,
  Meter,
} from "../ports/index.ts";
import { type ChainSpec, slotAt } from "../spec/index.ts";
import { askAggregate, mostVotes, tellAggregates, tellCommitteeSubscriptions } from "./aggregates.ts";
import { askAttestationData, newestVote } from "./attestation-data.ts";
import { askBlock, askProposal, encodeAttestations, highestValue } from "./blocks.ts";
import { connectChain } from "./connect.ts";
import { askAttesterDuties, askLiveness, askProposerDuties, askValidators } from "./duties.ts";
import { Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import { Events } from "./events.ts";
import { forward } from "./forward.ts";
import { checkAll, watchHealth } from "./health.ts";
import { type HttpCall, networkHttp } from "./http.ts";
import { KnownHeads } from "./known-heads.ts";
import { BLOCK_PATIENCE } from "./limits.ts";
import { beaconMetrics } from "./metrics.ts";
import { Pool } from "./pool.ts";
import { tellAttestations, tellExit, tellPreparations, tellProposal, tellRegistrations } from "./publish.ts";
import { type BeaconNodeStatus, statusOf } from "./status.ts";
import {
  askContribution,
  askHeadRoot,
  askSyncDuties,
  mostMessages,
  newestHead,
  tellContributions,
  tellSyncMessages,
  tellSyncSubscriptions,
} from "./sync-committee.ts";

export interface BeaconNodesOptions {
  /** http or https URLs, at least one; may carry a user name and password. A repeated one counts once. */
  readonly endpoints: readonly string[];
  /** Sent with every request, e.g. an authorization header. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The genesis fork version of the cluster lock, 4 bytes: nodes of another network are left out even when they are the majority. */
  readonly genesisForkVersion?: Uint8Array;
  /** How long one call may take, all nodes and attempts together; the publication of a block thrice as long. */
  readonly timeoutMs: number;
  /**
   * Called when the beacon nodes plan other forks than those that `connect` told of, e.g. after an upgrade: what was told
   * is out of date, and only who connects anew learns the rest. Not called when left out.
   */
  readonly onNewSchedule?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Meter;
  /** Instead of the network. */
  readonly http?: HttpCall;
}

export interface BeaconNodes extends BeaconNode, BeaconPassage {
  /**
   * Waits for a node and learns the chain, then watches the nodes and their events. To be called once, before anything
   * else: until then nobody is asked, since nobody is known to be on our chain.
   *
   * @throws BeaconError `beacon/other-chain` when every node serves another chain than the cluster's, `beacon/forks-differ`
   *   when they plan other forks; the signal's reason.
   */
  connectChain(signal: AbortSignal): Promise<ChainSpec>;
  /** `connectChain` for a caller that learns the cluster's genesis fork version (4 bytes) only after it made the client. */
  connect(genesisForkVersion: Uint8Array | undefined, signal: AbortSignal): Promise<ChainSpec>;
  status(): readonly BeaconNodeStatus[];
  /** Ends everything that runs; calls under way fail with `beacon/unavailable`. */
  close(): Promise<void>;
}

/**
 * The beacon nodes of an operator, acting as one.
 *
 * @throws BeaconError `beacon/bad-endpoint` - an address is not one, or there is none.
 */
export function createBeaconNodes(options: BeaconNodesOptions): BeaconNodes {
  const { clock, timeoutMs } = options;
  const log = options.log.room("beacon");
  const metrics = beaconMetrics(options.meter);
  const network = options.http === undefined ? networkHttp() : undefined;
  const call = options.http ?? present(network, "a way to call").call;
  const endpoints = readEndpoints(options, call);
  const closing = new AbortController();
  const pool = new Pool({ endpoints, clock, metrics, timeoutMs, closing: closing.signal });
  const heads = new KnownHeads();
  const listeners = new Set<(event: ChainEvent) => void>();
  const wantJson = new WeakSet<Endpoint>();
  let learned: ChainSpec | undefined;
  const chain = (): ChainSpec => present(learned, "the chain, which connectChain learns first");

  const onEvent = (event: ChainEvent): void => {
    heads.remember(event);
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error("A listener of chain events failed", { event: event.kind, why: explain(error) });
      }
    }
  };

  async function connect(
    genesisForkVersion: Uint8Array | undefined,
    signal: AbortSignal,
  ): Promise<ChainSpec> {
    learned = await connectChain({ endpoints, genesisForkVersion, clock, log }, signal);
    const onNewSchedule = options.onNewSchedule ?? (() => {});
    const watched = { endpoints, chain: learned, clock, log, metrics, timeoutMs, onNewSchedule };
    await checkAll(watched, 0, signal); // Before the first duty it is known who is synced.
    signal.throwIfAborted();
    // Both end with the signal and never reject.
    void watchHealth(watched, closing.signal);
    void new Events(watched, onEvent).run(closing.signal);
    return learned;
  }

  return {
    connectChain: (signal) => connect(options.genesisForkVersion, signal),
    connect,

    async validators(pubkeys, signal) {
      if (pubkeys.length === 0) return [];
      return pool.first("active_validators", askValidators(pubkeys), signal);
    },

    attesterDuties: async (epoch, indices, signal) =>
      pool.first("attester_duties", askAttesterDuties(chain(), epoch, indices), signal),

    proposerDuties: async (epoch, signal) =>
      pool.first("proposer_duties", askProposerDuties(chain(), epoch), signal),

    liveValidators: async (epoch, indices, signal) =>
      pool.first("liveness", askLiveness(epoch, indices), signal),

    attestationData: async (slot, committeeIndex, signal) =>
      pool.best(
        "attestation_data",
        askAttestationData(chain(), slot, committeeIndex),
        newestVote(slot, heads.slotOf),
        signal,
      ),

    produceBlock: async (slot, how, signal) =>
      pool.best("proposal", askProposal(slot, how), highestValue(how.builderBoostFactor), signal),

    async publishAttestations(fork, attestations, signal) {
      if (attestations.length === 0) return;
      const body = encodeAttestations(fork, attestations);
      await pool.everywhere("submit_attestations", tellAttestations(fork, body), signal);
    },

    async publishBlock(proposal, signal) {
      const kind = proposal.blinded ? "submit_blinded_proposal" : "submit_proposal";
      await pool.everywhere(kind, tellProposal(proposal, wantJson), signal, BLOCK_PATIENCE);
    },

    syncDuties: async (epoch, indices, signal) =>
      indices.length === 0 ? [] : pool.first("sync_committee_duties", askSyncDuties(epoch, indices), signal),

    async subscribeToCommittees(subscriptions, signal) {
      if (subscriptions.length === 0) return;
      const attempt = tellCommitteeSubscriptions(subscriptions);
      await pool.everywhere("submit_beacon_committee_subscriptions", attempt, signal);
    },

    async subscribeToSyncCommittees(subscriptions, signal) {
      if (subscriptions.length === 0) return;
      const attempt = tellSyncSubscriptions(subscriptions);
      await pool.everywhere("submit_sync_committee_subscriptions", attempt, signal);
    },

    aggregate: async (slot, dataRoot, committeeIndex, signal) =>
      pool.best("aggregate_attestation", askAggregate(slot, dataRoot, committeeIndex), mostVotes, signal),

    async publishAggregates(aggregates, signal) {
      const byFork = Map.groupBy(aggregates, ({ fork }) => fork);
      for (const [fork, ofFork] of byFork)
        await pool.everywhere("submit_aggregate_attestations", tellAggregates(fork, ofFork), signal);
    },

    headRoot: async (signal) =>
      pool.best(
        "beacon_block_root",
        askHeadRoot,
        newestHead(slotAt(chain(), clock.now()), heads.slotOf),
        signal,
      ),

    async publishSyncMessages(messages, signal) {
      if (messages.length === 0) return;
      await pool.everywhere("submit_sync_committee_messages", tellSyncMessages(messages), signal);
    },

    syncContribution: async (slot, subcommitteeIndex, blockRoot, signal) =>
      pool.best(
        "sync_committee_contribution",
        askContribution(slot, subcommitteeIndex, blockRoot),
        mostMessages,
        signal,
      ),

    async publishContributions(contributions, signal) {
      if (contributions.length === 0) return;
      await pool.everywhere("submit_sync_committee_contributions", tellContributions(contributions), signal);
    },

    async registerValidators(registrations, signal) {
      if (registrations.length === 0) return;
      await pool.everywhere("submit_validator_registrations", tellRegistrations(registrations), signal);
    },

    publishExit: async (exit, signal) => pool.everywhere("submit_voluntary_exit", tellExit(exit), signal),

    async prepareProposers(preparations, signal) {
      if (preparations.length === 0) return;
      await pool.everywhere("submit_proposal_preparations", tellPreparations(preparations), signal);
    },

    async block(id, signal): Promise<IncludedBlock | undefined> {
      try {
        return await pool.first("signed_beacon_block", askBlock(id), signal);
      } catch (error) {
        if (error instanceof BeaconError && error.facts["status"] === 404) return undefined;
        throw error;
      }
    },

    subscribe(listener, signal) {
      if (signal.aborted) return;
      // Its own function, so that one listener may subscribe twice.
      const own = (event: ChainEvent): void => listener(event);
      listeners.add(own);
      signal.addEventListener("abort", () => listeners.delete(own), { once: true });
    },

    forward: (request, signal) =>
      forward(pool.ranked(), request, { clock, timeoutMs, closing: closing.signal }, signal),

    status: () => endpoints.map(statusOf),

    async close() {
      listeners.clear();
      closing.abort(new BeaconError("beacon/unavailable", "ask the beacon node after it was closed"));
      await network?.close();
    },
  };
}

function readEndpoints(options: BeaconNodesOptions, call: HttpCall): readonly Endpoint[] {
  const urls = new Set(options.endpoints.map((url) => url.trim()));
  if (urls.size === 0) {
    throw new BeaconError("beacon/bad-endpoint", "read the addresses of the beacon nodes", {
      facts: { found: 0 },
      hint: "Give at least one URL in --beacon-node-endpoints.",
    });
  }
  return [...urls].map((url) => new Endpoint(url, options.headers ?? {}, call));
}
