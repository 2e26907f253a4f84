import { equalBytes } from "../base/index.ts";
import { badSignature, hashDiffers } from "./errors.ts";
import { configHash, definitionHash } from "./hash.ts";
import { atLeast, type Definition } from "./model.ts";
import type { Network } from "./networks.ts";
import { type ContractAnswers, checkClaim, noAnswers, type Signer, walletClaims } from "./wallet-claims.ts";

/** Checks the hashes of a definition. @throws ClusterError `cluster/hash-differs` */
export function verifyDefinitionHashes(definition: Definition): void {
  const config = configHash(definition);
  if (!equalBytes(config, definition.configHash))
    throw hashDiffers("config_hash", definition.configHash, config);
  const all = definitionHash(definition);
  if (!equalBytes(all, definition.definitionHash))
    throw hashDiffers("definition_hash", definition.definitionHash, all);
}

/**
 * Checks the wallets' signatures of operators and creator.
 *
 * @param answers - What contracts said to `contractQuestions`.
 * @throws ClusterError `cluster/bad-signature`
 */
export function verifyDefinitionSignatures(
  definition: Definition,
  custom?: Network,
  answers: ContractAnswers = noAnswers,
): void {
  const { version, operators, creator } = definition;
  if (!atLeast(version, "v1.3.0")) return refuseOldSignatures(definition);
  const unsigned = operators.filter(
    ({ address, configSignature, enrSignature }) =>
      address === "" && configSignature.length === 0 && enrSignature.length === 0,
  );
  // A cluster of one person, made by `create cluster`, has no wallets at all.
  const nobodySigned = unsigned.length === operators.length;
  if (!nobodySigned && unsigned.length > 0)
    throw badSignature(
      `operators ${unsigned.map((one) => operators.indexOf(one)).join(", ")}`,
      "the definition (missing, while others have signed)",
    );
  if (nobodySigned && creator.address === "" && creator.configSignature.length === 0) return;
  const signers: readonly Signer[] = [
    ...(atLeast(version, "v1.4.0") ? (["creator"] as const) : []),
    ...(nobodySigned ? [] : operators.keys()),
  ];
  verifySigners(definition, signers, custom, answers);
}

/** Checks the signatures of some signers. @throws ClusterError `cluster/bad-signature` */
export function verifySigners(
  definition: Definition,
  signers: readonly Signer[],
  custom?: Network,
  answers: ContractAnswers = noAnswers,
): void {
  for (const signer of signers)
    for (const claim of walletClaims(definition, signer, custom)) checkClaim(claim, answers);
}

/** Before v1.3 wallets signed otherwise, and neither program can check that. @throws ClusterError `cluster/bad-signature` */
function refuseOldSignatures({ operators, version }: Definition): void {
  for (const [i, { configSignature, enrSignature }] of operators.entries())
    if (configSignature.length > 0 || enrSignature.length > 0)
      throw badSignature(`operator ${i}`, `something that nobody can check in a file of ${version}`);
}
