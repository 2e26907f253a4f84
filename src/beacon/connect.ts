import { equalBytes, toHex } from "../base/index.ts";
import { type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, requireSamePreset } from "../spec/index.ts";
import { askChain, describeChain, sameChain } from "./chain-identity.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError, reasonOf } from "./errors.ts";
import { requireSameForks } from "./fork-schedule.ts";
import { timeLimit } from "./time-limit.ts";

const RETRY_MS = 1_000;
/** How long a node may take to name its chain. */
const ASK_MS = 10_000;
/** How long the others may take, once one has. */
const OTHERS_MS = 3_000;
/** A line in the log for every so many tries. */
const TRIES_PER_LINE = 10;

export interface ConnectOptions {
  readonly endpoints: readonly Endpoint[];
  /** The genesis fork version of the cluster lock, 4 bytes; without it the majority of the nodes decides. */
  readonly genesisForkVersion: Uint8Array | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Named {
  readonly endpoint: Endpoint;
  readonly chain: ChainSpec;
}

/**
 * Waits until a beacon node names its chain, and sets aside nodes that serve another one. A node that is silent now is
 * looked at when it comes (health.ts).
 *
 * @throws BeaconError `beacon/other-chain` when all nodes have answered and none serves the cluster's chain,
 *   `beacon/forks-differ` when those that serve it plan other forks; SpecError `spec/preset-differs`; the signal's reason.
 */
export async function connectChain(options: ConnectOptions, signal: AbortSignal): Promise<ChainSpec> {
  const { endpoints, clock, log } = options;
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    const { named, silent } = await askAll(options, signal);
    const found = agree(named, options.genesisForkVersion);
    if (found !== undefined) {
      setAside(named, found, log);
      requireSamePreset(found.raw);
      requireSameForks(
        named.filter(({ endpoint }) => endpoint.chain === "ours"),
        clock.now(),
      );
      log.info("Connected to the chain", {
        chain: describeChain(found),
        nodes: endpoints.filter((endpoint) => endpoint.chain === "ours").map((endpoint) => endpoint.name),
      });
      return found;
    }
    if (silent.length === 0) throw otherChain(named, options.genesisForkVersion);
    if (tries % TRIES_PER_LINE === 0) {
      const otherChain = named.map(({ endpoint }) => endpoint.name);
      log.warn("Waiting for a beacon node that knows the cluster's chain", {
        failed: silent,
        ...(otherChain.length === 0 ? {} : { otherChain }),
      });
    }
    await sleepUntil(clock, clock.now() + RETRY_MS, signal);
  }
}

/** Asks all nodes at once; settles when all have answered, or some time after the first. */
async function askAll(
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<{ readonly named: readonly Named[]; readonly silent: readonly string[] }> {
  const { endpoints, clock } = options;
  const limit = timeLimit(clock, ASK_MS, [signal]);
  const named: Named[] = [];
  const reasons = new Map(endpoints.map((endpoint) => [endpoint, "no answer yet"]));
  const asked = endpoints.map(async (endpoint) => {
    try {
      named.push({ endpoint, chain: await askChain(endpoint, limit.signal) });
      reasons.delete(endpoint);
    } catch (error) {
      endpoint.lastError = reasonOf(error);
      reasons.set(endpoint, endpoint.lastError);
      throw error;
    }
  });
  const all = Promise.allSettled(asked);
  const someTimeAfterFirst = Promise.any(asked).then(
    () => sleepUntil(clock, clock.now() + OTHERS_MS, limit.signal),
    () => all,
  );
  await Promise.race([all, someTimeAfterFirst.catch(() => {})]);
  limit.end();
  signal.throwIfAborted();
  return {
    named: [...named],
    silent: [...reasons].map(([endpoint, why]) => `${endpoint.name}: ${why}`),
  };
}

/** The chain of the cluster; of several with its fork version the one that most nodes serve, the first named among equals. */
function agree(named: readonly Named[], genesisForkVersion: Uint8Array | undefined): ChainSpec | undefined {
  const candidates = named
    .map(({ chain }) => chain)
    .filter(
      (chain) => genesisForkVersion === undefined || equalBytes(chain.genesisForkVersion, genesisForkVersion),
    );
  const votes = (chain: ChainSpec): number => candidates.filter((other) => sameChain(chain, other)).length;
  return candidates.toSorted((a, b) => votes(b) - votes(a))[0];
}

function setAside(named: readonly Named[], ours: ChainSpec, log: Logger): void {
  for (const { endpoint, chain } of named) judge(endpoint, chain, ours, log);
}

/** Writes down whether a node serves our chain, and says so when that is news. */
export function judge(endpoint: Endpoint, chain: ChainSpec, ours: ChainSpec, log: Logger): void {
  const before = endpoint.chain;
  endpoint.spec = chain;
  endpoint.chain = sameChain(chain, ours) ? "ours" : "other";
  if (endpoint.chain === before) return;
  if (endpoint.chain === "other") {
    endpoint.lastError = "serves another chain";
    log.error("Beacon node serves another chain and is left out", {
      node: endpoint.name,
      itsChain: describeChain(chain),
      ours: describeChain(ours),
    });
  } else if (before === "other") {
    log.info("Beacon node serves our chain now", { node: endpoint.name });
  }
}

function otherChain(named: readonly Named[], wanted: Uint8Array | undefined): BeaconError {
  return new BeaconError("beacon/other-chain", "connect to the cluster's chain", {
    facts: {
      found: named.map(({ endpoint, chain }) => `${endpoint.name}: ${describeChain(chain)}`),
      wantedForkVersion: wanted === undefined ? "" : toHex(wanted),
    },
    hint: "Point --beacon-node-endpoints at a node of the network that the cluster lock was made for.",
  });
}
