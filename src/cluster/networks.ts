import { equalBytes, fromHex, type Hex, toHex } from "../base/index.ts";

export interface Network {
  readonly name: string;
  readonly chainId: number;
  readonly genesisForkVersion: Hex;
  /** Unix seconds. */
  readonly genesisTime: number;
}

/** The networks that Charon knows, and holesky, which its releases know. */
export const networks: readonly Network[] = [
  { name: "mainnet", chainId: 1, genesisForkVersion: "0x00000000", genesisTime: 1606824023 },
  { name: "goerli", chainId: 5, genesisForkVersion: "0x00001020", genesisTime: 1616508000 },
  { name: "gnosis", chainId: 100, genesisForkVersion: "0x00000064", genesisTime: 1638993340 },
  { name: "chiado", chainId: 10200, genesisForkVersion: "0x0000006f", genesisTime: 1665396300 },
  { name: "sepolia", chainId: 11155111, genesisForkVersion: "0x90000069", genesisTime: 1655733600 },
  { name: "hoodi", chainId: 560048, genesisForkVersion: "0x10000910", genesisTime: 1742213400 },
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
