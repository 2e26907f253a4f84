import { namesIn } from "../cluster/index.ts";
import { byClient, byClientButAggregation, bySigner, type Signing } from "../duty/index.ts";
import type { Logger } from "../ports/index.ts";
import { createKeystoreSigner, loadKeystores } from "../signer/index.ts";
import type { RunConfig } from "./config.ts";
import type { Identity } from "./identity.ts";

/**
 * Who signs in this node, with the key shares opened that it needs for that.
 *
 * @returns Also how many shares were opened.
 * @throws SignerError, ClusterError
 */
export async function openSigning(
  config: RunConfig,
  { cluster, self }: Identity,
  log: Logger,
  signal: AbortSignal,
): Promise<Signing & { readonly shares: number }> {
  const hasClient = clientSigns(config);
  if (hasClient && !config.validatorApi.keystoresAggregate) return { ...byClient, shares: 0 };
  const signer = createKeystoreSigner(
    await loadKeystores(config.validatorKeysDir, cluster, self, { log, signal }),
  );
  const shares = signer.groupKeys.length;
  log.info("Key shares opened", {
    shares,
    of: cluster.validators.length,
    ...(hasClient ? { for: "selection proofs, aggregates and contributions" } : {}),
  });
  return { ...(hasClient ? byClientButAggregation(signer) : bySigner(signer)), shares };
}

/**
 * Whether a validator client signs: when the configuration says so, or when there is no keystore here to sign with.
 *
 * @throws ClusterError - whether there is one cannot be seen.
 */
export function clientSigns({
  validatorApi,
  validatorKeysDir,
}: {
  readonly validatorApi: Pick<RunConfig["validatorApi"], "wanted">;
  readonly validatorKeysDir: string;
}): boolean {
  return validatorApi.wanted || keystoresIn(validatorKeysDir).length === 0;
}

/** Names of the keystores in a folder. @throws ClusterError - it cannot be read. */
export const keystoresIn = (folder: string): readonly string[] =>
  namesIn(folder).filter((file) => /^keystore.*\.json$/.test(file));
