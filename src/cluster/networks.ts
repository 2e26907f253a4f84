import { equalBytes, fromHex, type Hex, toHex } from "../base/index.ts";
import { ClusterError } from "./errors.ts";
import type { Definition } from "./model.ts";

export interface Network {
  readonly name: string;
  readonly chainId: number;
  readonly genesisForkVersion: Hex;
  /** Unix seconds. */
  readonly genesisTime: number;
  /** 32 bytes, where it is known without asking a beacon node. */
  readonly genesisValidatorsRoot?: Hex;
}

/** The networks that Charon knows, and holesky, which its releases know. */
export const networks: readonly Network[] = [
  {
    name: "mainnet",
    chainId: 1,
    genesisForkVersion: "0x00000000",
    genesisTime: 1606824023,
    genesisValidatorsRoot: "0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95",
  },
  { name: "goerli", chainId: 5, genesisForkVersion: "0x00001020", genesisTime: 1616508000 },
  {
    name: "gnosis",
    chainId: 100,
    genesisForkVersion: "0x00000064",
    genesisTime: 1638993340,
    genesisValidatorsRoot: "0xf5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47",
  },
  {
    name: "chiado",
    chainId: 10200,
    genesisForkVersion: "0x0000006f",
    genesisTime: 1665396300,
    genesisValidatorsRoot: "0x9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e",
  },
  {
    name: "sepolia",
    chainId: 11155111,
    genesisForkVersion: "0x90000069",
    genesisTime: 1655733600,
    genesisValidatorsRoot: "0xd8ea171f3c94aea21ebc42a1ed61052acf3f9209c00e4efbaaddac09ed9b8078",
  },
  {
    name: "hoodi",
    chainId: 560048,
    genesisForkVersion: "0x10000910",
    genesisTime: 1742213400,
    genesisValidatorsRoot: "0x212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f",
  },
  { name: "holesky", chainId: 17000, genesisForkVersion: "0x01017000", genesisTime: 1696000704 },
];

export function networkByName(name: string): Network | undefined {
  return networks.find((network) => network.name === (name === "prater" ? "goerli" : name));
}

export function networkByForkVersion(forkVersion: Uint8Array): Network | undefined {
  return networks.find((network) => equalBytes(fromHex(network.genesisForkVersion), forkVersion));
}

/** The chain id of a fork version, where it is known; EIP-712 signatures name it. */
export function chainIdOf(forkVersion: Uint8Array, custom?: Network): number | undefined {
  if (custom?.genesisForkVersion === toHex(forkVersion)) return custom.chainId;
  return networkByForkVersion(forkVersion)?.chainId;
}

/** The chain whose id wallets sign with. @throws ClusterError `cluster/malformed` - the network is not known */
export function chainIdFor({ forkVersion }: Definition, custom: Network | undefined): number {
  const chainId = chainIdOf(forkVersion, custom);
  if (chainId !== undefined) return chainId;
  throw new ClusterError("cluster/malformed", "verify the cluster file", {
    facts: { where: "fork_version", found: toHex(forkVersion) },
    hint: "The network is not known; give --testnet-name, --testnet-chain-id, --testnet-fork-version and --testnet-genesis-timestamp.",
  });
}
