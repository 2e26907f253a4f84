import { equalBytes, fromHex, toHex } from "../base/index.ts";
import type { Cluster } from "../cluster/index.ts";
import { combineUnverified, verify } from "../crypto/index.ts";
import { type ChainSpec, type OperatorIndex, type phase0, shareIndexOf } from "../spec/index.ts";
import { ExitError } from "./errors.ts";
import type { ExitFile, PartialExit } from "./exit-file.ts";
import { exitRoot, type Leaving } from "./sign-exits.ts";

/** An exit under the validator's own key, as the chain takes it. */
export interface WholeExit extends Leaving {
  readonly signed: phase0.SignedVoluntaryExit;
  /** Whose signatures it was made of, in ascending order. */
  readonly operators: readonly OperatorIndex[];
}

interface FromOperator extends PartialExit {
  readonly operator: OperatorIndex;
}

/**
 * Puts the files of operators together: the exit of every validator that any of them names. Every signature is verified,
 * those of operators as well as the result.
 *
 * @throws ExitError names the operator or the validator with which something is wrong; then nothing may be sent.
 */
export function combineExits(
  chain: ChainSpec,
  cluster: Cluster,
  files: readonly ExitFile[],
): readonly WholeExit[] {
  for (const file of files) requireOurs(file, cluster);
  // A file given twice, or signed again, counts once.
  const partials = new Map(
    files.flatMap(({ operator, exits }) =>
      exits.map((exit) => [`${exit.groupKey}/${operator}`, { ...exit, operator }] as const),
    ),
  );
  const byValidator = Map.groupBy([...partials.values()], ({ groupKey }) => groupKey);
  return [...byValidator.values()].map((some) => combineOne(chain, cluster, some));
}

function requireOurs({ lockHash, operator }: ExitFile, cluster: Cluster): void {
  if (equalBytes(fromHex(lockHash), cluster.lockHash) && operator < cluster.operators.length) return;
  throw new ExitError("exits/other-cluster", "put exits together: a file is of another cluster", {
    facts: { operator, itsLock: lockHash, ours: toHex(cluster.lockHash) },
    hint: "Take the files of this cluster's operators, or name their lock with --lock-file.",
  });
}

function combineOne(chain: ChainSpec, cluster: Cluster, partials: readonly FromOperator[]): WholeExit {
  const [first] = partials as readonly [FromOperator];
  const { groupKey, validatorIndex, epoch } = first;
  const validator = cluster.validators.find((one) => one.groupKey === groupKey);
  if (validator === undefined)
    throw new ExitError("exits/other-cluster", "put exits together: the cluster has no such validator", {
      facts: { operator: first.operator, validator: groupKey },
      hint: "Have this operator sign again, with this cluster's lock.",
    });
  const other = partials.find((one) => one.epoch !== epoch || one.validatorIndex !== validatorIndex);
  if (other !== undefined)
    throw new ExitError("exits/differ", "put an exit together: operators signed different ones", {
      facts: {
        validator: groupKey,
        signed: [first, other].map(
          (one) => `operator ${one.operator}: validator ${one.validatorIndex} at epoch ${one.epoch}`,
        ),
      },
      hint: "All sign with the same --exit-epoch, best without that flag, on the same chain.",
    });
  const root = exitRoot(chain, { validatorIndex, epoch });
  for (const { operator, signature } of partials)
    if (!verify({ publicKey: validator.publicShares[operator] ?? new Uint8Array(0), root, signature }))
      throw new ExitError("exits/bad-signature", "verify a partial signature under an exit", {
        facts: { operator, validator: groupKey },
        hint: `It is not operator ${operator}'s for this chain: have this operator sign again, or leave the file out.`,
      });
  if (partials.length < cluster.threshold)
    throw new ExitError("exits/not-enough", "put an exit together: too few operators have signed it", {
      facts: {
        validator: groupKey,
        signed: partials.map(({ operator }) => operator),
        needed: cluster.threshold,
      },
      hint: "Get the files of further operators: each of them runs `trireme exit sign`.",
    });
  const used = partials.toSorted((a, b) => a.operator - b.operator).slice(0, cluster.threshold);
  const signature = combineUnverified(
    used.map((one) => ({ index: shareIndexOf(one.operator), signature: one.signature })),
  );
  if (!verify({ publicKey: fromHex(groupKey), root, signature }))
    throw new ExitError("exits/bad-signature", "verify an exit with the validator's key", {
      facts: { validator: groupKey },
      hint: "The lock's shares do not make the validator's key; `trireme verify` says more.",
    });
  return {
    groupKey,
    validatorIndex,
    signed: { message: { epoch, validatorIndex }, signature },
    operators: used.map(({ operator }) => operator),
  };
}
