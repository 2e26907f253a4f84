import { checkWithdrawals, type Definition, depositAmountsOf, parseEnr, VERSIONS } from "../cluster/index.ts";
import { CeremonyError } from "./errors.ts";
import { JOURNAL_BYTES_MAX, mailMax } from "./limits.ts";

/** Neither program holds a ceremony over older definitions. */
const OLDEST_VERSION = "v1.6.0";
const algorithms = ["default", "frost", "pedersen"];

/**
 * Whether a ceremony over this definition can come to its end: whatever would stop it half way is said now, before anything
 * secret is made.
 *
 * @returns The operators' node keys, compressed, in their order.
 * @throws CeremonyError `ceremony/refused`; ClusterError for deposit amounts and ENRs
 */
export function checkDefinition(definition: Definition): readonly Uint8Array[] {
  const { version, threshold, operators, dkgAlgorithm } = definition;
  if (VERSIONS.indexOf(version) < VERSIONS.indexOf(OLDEST_VERSION))
    throw refused(
      { version },
      `Ceremonies are held over definitions from ${OLDEST_VERSION} on; have it made again.`,
    );
  if (!algorithms.includes(dkgAlgorithm))
    throw refused({ dkgAlgorithm }, `The algorithm is one of ${algorithms.join(", ")}.`);
  const unseated = [...operators.keys()].filter((i) => operators[i]?.enr === "");
  if (unseated.length > 0)
    throw refused(
      { operatorsWithoutEnr: unseated.join(", ") },
      "These operators have not given their node keys yet: each of them runs `trireme definition sign`, and `trireme definition merge` puts the copies together.",
    );
  const keys = operators.map(({ enr }) => parseEnr(enr).publicKey);
  const twice = keys.findIndex((key, i) => keys.findIndex((other) => Buffer.compare(other, key) === 0) < i);
  if (twice >= 0)
    throw refused({ operator: twice }, "Two operators have the same node key; each needs its own.");
  if (threshold < 2 || threshold > operators.length)
    throw refused(
      { threshold, operators: operators.length },
      "The threshold must be between 2 and the number of operators.",
    );
  checkSize(operators.length, definition.numValidators, depositAmountsOf(definition).length);
  checkAddresses(definition);
  return keys;
}

/** Whether all that the operators may have to say fits into a journal, so that the ceremony can go on after a restart. */
function checkSize(operators: number, validators: number, depositAmounts: number): void {
  const bytesOf = (count: number): number =>
    operators * mailMax({ validators: count, operators, depositAmounts }).bytes;
  if (bytesOf(validators) <= JOURNAL_BYTES_MAX) return;
  const most = Math.floor((JOURNAL_BYTES_MAX - bytesOf(0)) / (bytesOf(1) - bytesOf(0)));
  throw refused(
    { validators, operators, most },
    `What they would have to tell each other is more than a node takes. Hold several ceremonies, each of at most ${most} validators.`,
  );
}

function checkAddresses({ validators, forkVersion }: Definition): void {
  for (const [validator, { feeRecipient, withdrawal }] of validators.entries())
    if (feeRecipient === "" || withdrawal === "")
      throw refused(
        { validator, feeRecipient, withdrawal },
        "Every validator needs a fee recipient and a withdrawal address.",
      );
  checkWithdrawals(
    forkVersion,
    validators.map(({ withdrawal }) => withdrawal),
  );
}

const refused = (facts: Record<string, string | number>, hint: string): CeremonyError =>
  new CeremonyError("ceremony/refused", "hold a ceremony over this definition", { facts, hint });
