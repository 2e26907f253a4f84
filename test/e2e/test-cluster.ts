import { fromHex } from "../../src/base/index.ts";
import { createCluster, type Lock, writeClusterFolders } from "../../src/cluster/index.ts";

export const FEE_RECIPIENT = "0x000000000000000000000000000000000000dEaD";
export const GAS_LIMIT = 60_000_000;

/** Makes the folders of a cluster with new keys and keystores that open at once, as clusters of tests and benches are. */
export async function writeTestCluster(
  folder: string,
  {
    name,
    validators,
    operators = 4,
    forkVersion = "0x20000089",
  }: {
    readonly name: string;
    readonly validators: number;
    readonly operators?: number;
    readonly forkVersion?: string;
  },
): Promise<Lock> {
  const created = createCluster({
    name,
    version: "v1.10.0",
    operatorCount: operators,
    forkVersion: fromHex(forkVersion),
    registrationTime: 1,
    feeRecipients: [FEE_RECIPIENT],
    withdrawalAddresses: [FEE_RECIPIENT],
    compounding: false,
    targetGasLimit: GAS_LIMIT,
    keys: { newKeys: validators },
    timestamp: "",
  });
  await writeClusterFolders(folder, created, { insecureKeys: true });
  return created.lock;
}
