import { equalBytes, explain, toHex } from "../base/index.ts";
import { type Clock, type Logger, sleepUntil } from "../ports/index.ts";
import { type ChainSpec, readChainSpec } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { BeaconError } from "./errors.ts";
import { parseJson } from "./parse.ts";

const RETRY_MS = 1_000;
/** How long the other nodes may take to name their chain, once one has. */
const OTHERS_MS = 3_000;

async function chainOf(endpoint: Endpoint, signal: AbortSignal): Promise<ChainSpec> {
  const headers = { accept: "application/json" };
  const [spec, genesis] = await Promise.all([
    endpoint.ask({ method: "GET", path: "/eth/v1/config/spec", headers }, signal),
    endpoint.ask({ method: "GET", path: "/eth/v1/beacon/genesis", headers }, signal),
  ]);
  const data = parseJson(genesis.body).object("data");
  return readChainSpec(parseJson(spec.body).raw("data") as Record<string, unknown>, {
    genesis_time: String(data.quoted("genesis_time")),
    genesis_validators_root: data.hex("genesis_validators_root", 32),
    genesis_fork_version: data.hex("genesis_fork_version", 4),
  });
}

/**
 * Waits until a beacon node names its chain, and sets aside nodes that serve another one.
 *
 * @param forkVersion - The genesis fork version of the cluster lock, 4 bytes.
 * @throws BeaconError `beacon/other-chain` when all nodes that answer serve another chain than the cluster's.
 */
export async function connectChain(
  options: {
    readonly endpoints: readonly Endpoint[];
    readonly forkVersion: Uint8Array | undefined;
    readonly clock: Clock;
    readonly log: Logger;
  },
  signal: AbortSignal,
): Promise<ChainSpec> {
  const { endpoints, forkVersion, clock, log } = options;
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    const limit = new AbortController();
    const cancel = clock.at(clock.now() + 4 * OTHERS_MS, () => limit.abort(new Error("no answer in time")));
    const both = AbortSignal.any([signal, limit.signal]);
    const answers = endpoints.map(async (endpoint) => ({ endpoint, chain: await chainOf(endpoint, both) }));
    try {
      await Promise.any(answers);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof AggregateError ? error.errors.map((one) => explain(one)).join("; ") : "";
      if (tries % 10 === 0)
        log.warn("Waiting for a beacon node", {
          nodes: endpoints.map((endpoint) => endpoint.name),
          why: why.slice(0, 400),
        });
      await sleepUntil(clock, clock.now() + RETRY_MS, signal);
      continue;
    } finally {
      cancel();
    }
    const known = (
      await Promise.allSettled(
        answers.map((answer) =>
          Promise.race([
            answer,
            sleepUntil(clock, clock.now() + OTHERS_MS, both).then(() => Promise.reject(new Error("slow"))),
          ]),
        ),
      )
    )
      .filter((result) => result.status === "fulfilled")
      .map((result) => result.value);
    return agreeOnChain(known, forkVersion, log);
  }
}

function agreeOnChain(
  known: readonly { readonly endpoint: Endpoint; readonly chain: ChainSpec }[],
  forkVersion: Uint8Array | undefined,
  log: Logger,
): ChainSpec {
  const wanted = known.filter(
    ({ chain }) => forkVersion === undefined || equalBytes(chain.genesisForkVersion, forkVersion),
  );
  const [first] = wanted;
  if (first === undefined) {
    const found = known.map(({ endpoint, chain }) => `${endpoint.name} ${toHex(chain.genesisForkVersion)}`);
    throw new BeaconError("beacon/other-chain", "connect to the cluster's chain", {
      facts: { found, wanted: forkVersion === undefined ? "" : toHex(forkVersion) },
      hint: "Point --beacon-node-endpoints at a node of the network that the cluster lock was made for.",
    });
  }
  for (const { endpoint, chain } of known) {
    endpoint.foreign =
      !equalBytes(chain.genesisValidatorsRoot, first.chain.genesisValidatorsRoot) ||
      !equalBytes(chain.genesisForkVersion, first.chain.genesisForkVersion);
    if (endpoint.foreign)
      log.error("Beacon node serves another chain and is left out", {
        node: endpoint.name,
        genesisValidatorsRoot: toHex(chain.genesisValidatorsRoot),
        forkVersion: toHex(chain.genesisForkVersion),
      });
  }
  return first.chain;
}
