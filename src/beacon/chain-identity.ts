import { equalBytes, toHex } from "../base/index.ts";
import { type ChainSpec, readChainSpec, SpecError } from "../spec/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { bad } from "./errors.ts";
import { parseJson } from "./parse.ts";

/** @throws BeaconError as every request does, also while the node does not know its genesis yet. */
export async function askChain(endpoint: Endpoint, signal: AbortSignal): Promise<ChainSpec> {
  const [spec, genesis] = await Promise.all([
    endpoint.ask({ method: "GET", path: "/eth/v1/config/spec" }, signal),
    endpoint.ask({ method: "GET", path: "/eth/v1/beacon/genesis" }, signal),
  ]);
  const data = parseJson(genesis.body).object("data");
  const raw = parseJson(spec.body).raw("data");
  if (typeof raw !== "object" || raw === null) throw bad("data", "the specification");
  try {
    return readChainSpec(raw as Record<string, unknown>, {
      genesis_time: String(data.quoted("genesis_time")),
      genesis_validators_root: data.hex("genesis_validators_root", 32),
      genesis_fork_version: data.hex("genesis_fork_version", 4),
    });
  } catch (error) {
    if (error instanceof SpecError) throw bad(`data.${String(error.facts["name"])}`, "a number");
    throw bad("data", "a specification that can be read");
  }
}

/** Whether two nodes serve one chain. The validators' root alone does not tell: two devnets may share their keys. */
export function sameChain(a: ChainSpec, b: ChainSpec): boolean {
  return (
    a.genesisTime === b.genesisTime &&
    a.slotMs === b.slotMs &&
    a.raw["DEPOSIT_CHAIN_ID"] === b.raw["DEPOSIT_CHAIN_ID"] &&
    equalBytes(a.genesisValidatorsRoot, b.genesisValidatorsRoot) &&
    equalBytes(a.genesisForkVersion, b.genesisForkVersion)
  );
}

/** For a log: what makes a chain this one. */
export function describeChain(chain: ChainSpec): string {
  return [
    chain.raw["CONFIG_NAME"] ?? "",
    `chain id ${chain.raw["DEPOSIT_CHAIN_ID"] ?? "?"}`,
    `fork ${toHex(chain.genesisForkVersion)}`,
    `genesis ${chain.genesisTime / 1_000} ${toHex(chain.genesisValidatorsRoot)}`,
  ].join(", ");
}
