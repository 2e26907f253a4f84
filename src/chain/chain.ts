import { type Hex, toHex, urlFromHere } from "../base/index.ts";
import { type Listening, serve } from "../http/index.ts";
import { sleepUntil } from "../ports/index.ts";
import type { ChainSpec, UnixMs } from "../spec/index.ts";
import { dispatch } from "./api/router.ts";
import { forkVersion } from "./chain-spec.ts";
import { SERVER_LIMITS } from "./limits.ts";
import { ChainError, type ChainOptions, readOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import { type ChainReport, makeReport } from "./report.ts";

import { createWorld } from "./world.ts";

/** What a cluster has to know to be made for this chain, e.g. for `--testnet-*` flags. */
export interface ChainNetwork {
  readonly name: string;
  readonly chainId: number;
  readonly genesisTime: UnixMs;
  readonly genesisForkVersion: Hex;
  readonly capellaForkVersion: Hex;
}

/** A running simulated beacon chain. */
export interface Chain {
  /** Where beacon API clients find it, e.g. "http://127.0.0.1:4000"; undefined when it does not listen. */
  readonly url: string | undefined;
  readonly spec: ChainSpec;
  readonly network: ChainNetwork;
  /** The beacon API as a function: what the port answers, without the port. */
  handle(request: Request): Promise<Response>;
  /** What the chain saw so far. */
  report(): ChainReport;
  /** Ends time on the chain, all event streams, and the port. */
  stop(): Promise<void>;
}

/**
 * Starts a beacon chain with one node that knows everything: real blocks with real roots and signatures, every signature
 * verified, and a report of who did what when.
 *
 * @throws ChainError `chain/bad-options`, `chain/cannot-listen`.
 */
export async function startChain(options: ChainOptions): Promise<Chain> {
  const settings = readOptions(options);
  const { clock } = settings;
  const world = createWorld(settings);
  const progress = new Progress(world);
  let cancel = (): void => {};
  const tick = (): void => {
    progress.advance(clock.now());
    cancel = clock.at(progress.nextAt, tick);
  };

  const reach = async (at: UnixMs, signal: AbortSignal): Promise<void> => {
    await sleepUntil(clock, at, signal);
    progress.advance(clock.now());
  };
  const handle = (request: Request): Promise<Response> => {
    const at = clock.now();
    progress.advance(at);
    return dispatch(request, { world, at, reach });
  };
  const listening: Listening | undefined = settings.listen ? await listen(handle, settings) : undefined;
  tick();

  return {
    url: listening === undefined ? undefined : urlFromHere(listening),
    spec: world.spec,
    network: {
      name: settings.networkName,
      chainId: settings.chainId,
      genesisTime: settings.genesisTime,
      genesisForkVersion: toHex(settings.genesisForkVersion),
      capellaForkVersion: toHex(forkVersion(settings.genesisForkVersion, 3)),
    },
    handle,
    report: () => {
      progress.advance(clock.now());
      return makeReport(world, clock.now());
    },
    stop: async () => {
      cancel();
      world.events.close();
      await listening?.close();
    },
  };
}

/** @throws ChainError `chain/cannot-listen` */
async function listen(
  handle: (request: Request) => Promise<Response>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  try {
    return await serve(handle, { host, port, limits: SERVER_LIMITS });
  } catch (cause) {
    throw new ChainError("chain/cannot-listen", "open the port of the simulated chain", {
      cause,
      facts: { host, port },
      hint: "Choose another port, or 0 for any free one.",
    });
  }
}
