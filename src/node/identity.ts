import { explain, fromHex, isOpenToOthers, toHex } from "../base/index.ts";
import {
  type Cluster,
  contractQuestions,
  type Lock,
  loadNodeKey,
  type Network,
  networks,
  operatorOfKey,
  verifiedCluster,
} from "../cluster/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import { askContracts } from "../execution/index.ts";
import type { Logger } from "../ports/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import type { RunConfig } from "./config.ts";

/** Who this node is, read from its folder before anything is started. */
export interface Identity {
  readonly cluster: Cluster;
  readonly key: NodeKey;
  readonly self: OperatorIndex;
}

/** Verifies the lock and reads the key. @throws DvError of the file that is wrong */
export async function readIdentity(
  config: RunConfig,
  lock: Lock,
  log: Logger,
  signal: AbortSignal,
): Promise<Identity> {
  const custom = customNetwork(config);
  const cluster = verifiedCluster(lock, {
    custom,
    answers: await askContracts(
      config.executionClientRpcEndpoint,
      contractQuestions(lock.definition, custom),
      { signal },
    ),
    ...(config.noVerify
      ? {
          onUnverified: (error) =>
            log.warn("The cluster lock does not verify; going on because of --no-verify", {
              why: explain(error),
              ...error.facts,
            }),
        }
      : {}),
  });
  const key = loadNodeKey(config.privateKeyFile);
  if (isOpenToOthers(config.privateKeyFile))
    log.warn("The node key can be read by other users of this machine; chmod 600 would end that", {
      file: config.privateKeyFile,
    });
  return { cluster, key, self: operatorOfKey(cluster, key) };
}

function customNetwork(config: RunConfig): Network | undefined {
  const { testnet } = config;
  return testnet === undefined
    ? undefined
    : {
        name: testnet.name,
        chainId: testnet.chainId,
        genesisForkVersion: toHex(fromHex(testnet.forkVersion, 4)),
        genesisTime: testnet.genesisTimestamp,
      };
}

/** The network that a cluster is of, by name. */
export function networkName(config: RunConfig, { forkVersion }: Cluster): string {
  const known = [customNetwork(config), ...networks];
  return known.find((one) => one?.genesisForkVersion === toHex(forkVersion))?.name ?? "unknown";
}
