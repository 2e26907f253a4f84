import { equalBytes, toHex } from "../base/index.ts";
import { configMessage, signedBy } from "./eip712.ts";
import { ClusterError } from "./errors.ts";
import { configHash, definitionHash } from "./hash.ts";
import { atLeast, type Definition } from "./model.ts";
import { chainIdOf, type Network } from "./networks.ts";

/** A hash that is not that of the content. */
export function hashDiffers(which: string, found: Uint8Array, right: Uint8Array): ClusterError {
  return new ClusterError("cluster/hash-differs", "verify the cluster file", {
    facts: { which, found: toHex(found), right: toHex(right) },
    hint: "The file was changed after it was made. Get the original from another operator; --no-verify goes on at your own risk.",
  });
}

/** Whose signature, over what, is wrong. */
export function badSignature(whose: string, over: string): ClusterError {
  return new ClusterError("cluster/bad-signature", "verify the cluster file", {
    facts: { whose, over },
    hint: "Get the original file from another operator; --no-verify goes on at your own risk.",
  });
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

/** Checks the hashes of a definition. @throws ClusterError `cluster/hash-differs` */
export function verifyDefinitionHashes(definition: Definition): void {
  const config = configHash(definition);
  if (!equalBytes(config, definition.configHash))
    throw hashDiffers("config_hash", definition.configHash, config);
  const all = definitionHash(definition);
  if (!equalBytes(all, definition.definitionHash))
    throw hashDiffers("definition_hash", definition.definitionHash, all);
}

/** Checks the wallets' signatures of operators and creator. @throws ClusterError `cluster/bad-signature` */
export function verifyDefinitionSignatures(definition: Definition, custom?: Network): void {
  const { version } = definition;
  if (!atLeast(version, "v1.3.0")) return refuseOldSignatures(definition);
  const unsigned = definition.operators.filter(
    (operator) =>
      operator.address === "" && operator.configSignature.length === 0 && operator.enrSignature.length === 0,
  );
  // A cluster of one person, made by `create cluster`, has no wallets at all.
  const nobodySigned = unsigned.length === definition.operators.length;
  if (!nobodySigned && unsigned.length > 0)
    throw badSignature(
      `operators ${unsigned.map((one) => definition.operators.indexOf(one)).join(", ")}`,
      "the definition (missing, while others have signed)",
    );
  if (nobodySigned && definition.creator.address === "" && definition.creator.configSignature.length === 0)
    return;
  const chainId = chainIdFor(definition, custom);
  const { creator } = definition;
  const withCreator = atLeast(version, "v1.4.0");
  if (
    withCreator &&
    !signedBy(creator.address, configMessage(definition, "creator"), chainId, creator.configSignature)
  )
    throw badSignature(`creator ${creator.address}`, "config_hash");
  if (nobodySigned) return;
  for (const [i, operator] of definition.operators.entries()) {
    const whose = `operator ${i} (${operator.address})`;
    if (!signedBy(operator.address, configMessage(definition, "operator"), chainId, operator.configSignature))
      throw badSignature(whose, "config_hash");
    if (!signedBy(operator.address, { type: "ENR", enr: operator.enr }, chainId, operator.enrSignature))
      throw badSignature(whose, "its ENR");
  }
}

/** Before v1.3 wallets signed otherwise, and neither program can check that. @throws ClusterError `cluster/bad-signature` */
function refuseOldSignatures({ operators, version }: Definition): void {
  for (const [i, { configSignature, enrSignature }] of operators.entries())
    if (configSignature.length > 0 || enrSignature.length > 0)
      throw badSignature(`operator ${i}`, `something that nobody can check in a file of ${version}`);
}
