import { statSync } from "node:fs";
import { join } from "node:path";
import type { NodeKey } from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { bad, type Finding, perform } from "./finding.ts";
import { checkDepositFiles, checkLockDeposits, depositFiles } from "./inspect-deposits.ts";
import { inspectShares } from "./inspect-shares.ts";
import { clusterOf, loadNodeKey, operatorOfKey, readLock } from "./load.ts";
import { atLeast, type Lock } from "./model.ts";
import type { Network } from "./networks.ts";
import { defaultThreshold } from "./new-definition.ts";
import { type ValidatorSettings, validatorSettings } from "./validator-settings.ts";
import { lockChecks } from "./verify-lock.ts";
import {
  type ContractAnswers,
  type ContractQuestion,
  contractQuestions,
  noAnswers,
} from "./wallet-claims.ts";

/** What is in an operator's folder, and whether it belongs together. */
export interface FolderReport {
  readonly lock: Lock;
  /** Whose folder it is; undefined when that cannot be said. */
  readonly operator: OperatorIndex | undefined;
  readonly findings: readonly Finding[];
  readonly settings: readonly ValidatorSettings[];
}

/**
 * Looks at an operator's folder: do lock, node key, key shares and deposit files belong together? Every check is made,
 * whatever others say; nothing is changed.
 *
 * @param options.askContracts - Asks contracts whether they take a wallet's signature; without, no contract's is right.
 * @param options.onKeystore - Called for each keystore that was opened; each takes a moment.
 * @throws ClusterError - there is no lock, or it cannot be read at all.
 */
export async function inspectFolder(
  folder: string,
  options: {
    readonly custom?: Network | undefined;
    readonly askContracts?: (questions: readonly ContractQuestion[]) => Promise<ContractAnswers>;
    readonly onKeystore?: (done: number, of: number) => void;
  } = {},
): Promise<FolderReport> {
  const lock = readLock(join(folder, "cluster-lock.json"));
  const { custom, askContracts = async () => noAnswers } = options;
  const answers = await askContracts(contractQuestions(lock.definition, custom));
  const findings = lockChecks(lock, custom, answers).map(perform);
  findings.push(...aboutThreshold(lock));
  const key = inspectKey(folder, lock);
  findings.push(key.finding);
  findings.push(...(await inspectShares(folder, lock, key.operator, options.onKeystore ?? (() => {}))));
  if (atLeast(lock.definition.version, "v1.6.0"))
    findings.push(
      perform({
        name: "deposits",
        holds: "deposits in the lock have the right amounts, credentials and signatures",
        fails: "a deposit in the lock is not what the definition says",
        run: () => checkLockDeposits(lock),
      }),
    );
  findings.push(inspectDepositFiles(folder, lock, custom));
  return { lock, operator: key.operator, findings, settings: validatorSettings(lock) };
}

/** Nothing is wrong with another one, but nobody should have it without knowing. */
function aboutThreshold({ definition: { threshold, operators } }: Lock): readonly Finding[] {
  const customary = defaultThreshold(operators.length);
  if (threshold === customary) return [];
  const says = `any ${threshold} of ${operators.length} operators sign; customary is ${customary}`;
  return [{ name: "threshold", state: "odd", says }];
}

function inspectKey(
  folder: string,
  lock: Lock,
): { readonly finding: Finding; readonly operator: OperatorIndex | undefined } {
  const path = join(folder, "charon-enr-private-key");
  const name = "node key";
  let key: NodeKey;
  let operator: OperatorIndex;
  try {
    key = loadNodeKey(path);
    operator = operatorOfKey(clusterOf(lock), key);
  } catch (error) {
    return { finding: bad(name, error), operator: undefined };
  }
  const isOpen = (statSync(path).mode & 0o077) !== 0;
  const says = `the node key is operator ${operator}'s`;
  return {
    operator,
    finding: isOpen
      ? { name, state: "odd", says: `${says}, but others on this machine may read it: chmod 600 ${path}` }
      : { name, state: "good", says },
  };
}

function inspectDepositFiles(folder: string, lock: Lock, custom: Network | undefined): Finding {
  const name = "deposit files";
  const files = depositFiles(folder);
  if (files.length === 0)
    return {
      name,
      state: "odd",
      says: "there are no deposit files here; they are needed only until the deposits are made",
    };
  return perform({
    name,
    fails: "the deposit files are not what the lock says",
    holds: `${files.join(", ")} ${files.length === 1 ? "says" : "say"} what the lock says`,
    run: () => checkDepositFiles(folder, lock, custom),
  });
}
