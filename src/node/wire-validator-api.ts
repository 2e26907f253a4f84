import { urlOf } from "../base/index.ts";
import type { BeaconNodes } from "../beacon/index.ts";
import type { Cluster } from "../cluster/index.ts";
import type { Clock, DutyDesk, Logger, Meter } from "../ports/index.ts";
import type { ChainSpec, OperatorIndex } from "../spec/index.ts";
import { createValidatorApi, listen, type ValidatorApiStatus } from "../validator-api/index.ts";
import type { RunConfig } from "./config.ts";
import { version } from "./version.ts";

/** A client asks several times a slot; one that is silent for this long is gone. */
const SILENT_AFTER_SLOTS = 2;

/** The validator API of this node, once it listens. */
export interface RunningValidatorApi {
  status(): ValidatorApiStatus;
  /** Whether a client asked for anything lately. */
  connected(): boolean;
  close(): Promise<void>;
}

/** @throws HttpError - the address is taken, or the certificate cannot be used. */
export async function startValidatorApi(
  { validatorApi: { wanted, address, tls }, validatorKeysDir }: RunConfig,
  needs: {
    readonly clock: Clock;
    readonly chain: ChainSpec;
    readonly cluster: Cluster;
    readonly self: OperatorIndex;
    readonly beacon: BeaconNodes;
    readonly desk: DutyDesk;
    readonly log: Logger;
    readonly meter: Meter;
  },
): Promise<RunningValidatorApi> {
  const { cluster, self, clock, chain, log } = needs;
  const api = createValidatorApi(needs, {
    validators: cluster.validators,
    self,
    version: `Trireme/${version}`,
  });
  const listening = await listen(api, { address, ...(tls === undefined ? {} : { tls }) });
  log.info("A validator client signs; waiting for it", {
    at: urlOf(listening, tls === undefined ? "http" : "https"),
    ...(wanted ? {} : { why: `no keystores in ${validatorKeysDir}` }),
  });
  return {
    status: () => api.status(),
    connected() {
      const { lastRequestAt } = api.status();
      return lastRequestAt !== undefined && clock.now() - lastRequestAt < SILENT_AFTER_SLOTS * chain.slotMs;
    },
    async close() {
      api.close();
      await listening.close();
    },
  };
}
