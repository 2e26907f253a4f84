import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DvError, each, explain, toHex } from "../base/index.ts";
import type { NodeKey } from "../crypto/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { checkDepositFiles, checkLockDeposits, depositFiles } from "./inspect-deposits.ts";
import { KEYSTORE_NAME, KEYSTORES_AT_ONCE, openKeystore } from "./keystore-files.ts";
import { clusterOf, loadNodeKey, operatorOfKey, readLock } from "./load.ts";
import { atLeast, type Lock } from "./model.ts";
import type { Network } from "./networks.ts";
import { type ValidatorSettings, validatorSettings } from "./validator-settings.ts";
import { type Check, lockChecks } from "./verify-lock.ts";
import {
  type ContractAnswers,
  type ContractQuestion,
  contractQuestions,
  noAnswers,
} from "./wallet-claims.ts";

/** One thing that was looked at. `odd`: worth a look, though nothing is wrong. */
export interface Finding {
  readonly name: string;
  readonly state: "good" | "odd" | "bad";
  /** A sentence, without a full stop. */
  readonly says: string;
  /** What went wrong in a check. */
  readonly error?: DvError;
}

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

function perform({ name, holds, fails, run }: Check): Finding {
  try {
    run();
    return { name, state: "good", says: holds };
  } catch (error) {
    return { ...bad(name, error), says: fails };
  }
}

/** @throws what is no finding but a bug */
function bad(name: string, error: unknown): Finding {
  if (!(error instanceof DvError)) throw error;
  return { name, state: "bad", says: explain(error), error };
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

/** That every validator has the operator's own share, at its place, in a keystore that opens. */
async function inspectShares(
  folder: string,
  lock: Lock,
  operator: OperatorIndex | undefined,
  onKeystore: (done: number, of: number) => void,
): Promise<readonly Finding[]> {
  const name = "key shares";
  const home = join(folder, "validator_keys");
  const files = existsSync(home) ? readdirSync(home).filter((file) => KEYSTORE_NAME.test(file)) : [];
  if (files.length === 0)
    return [
      {
        name,
        state: "odd",
        says: "there are no key shares here; that is right only if a validator client elsewhere holds them",
      },
    ];
  const places = placesOf(lock);
  const findings: Finding[] = [];
  const found = new Map<number, string>();
  let owner = operator;
  let weak = 0;
  await each(files.toSorted(), KEYSTORES_AT_ONCE, async (file) => {
    try {
      const { secret, index, isWeak } = await openKeystore(home, file);
      if (isWeak) weak++;
      const place = places.get(toHex(secret.publicKey()));
      owner ??= place?.operator;
      if (place === undefined) findings.push(badShare(file, "is of no validator of this lock"));
      else if (place.operator !== owner)
        findings.push(
          badShare(
            file,
            `is operator ${place.operator}'s share of validator ${place.validator}, not operator ${owner}'s`,
          ),
        );
      else if (found.has(place.validator))
        findings.push(badShare(file, `holds the same share as ${found.get(place.validator)}`));
      else {
        found.set(place.validator, file);
        if (index !== place.validator)
          findings.push({
            name,
            state: "odd",
            says: `${file} is the share of validator ${place.validator}: Charon wants the number of the validator in the name`,
          });
      }
    } catch (error) {
      findings.push(bad(name, error));
    }
    onKeystore(found.size + findings.length, files.length);
  });
  const missing = [...lock.validators.keys()].filter((validator) => !found.has(validator));
  if (missing.length > 0)
    findings.push({
      name,
      state: "bad",
      says: `no key share here of ${missing.length} validators: ${ranges(missing)}`,
    });
  if (weak > 0)
    findings.push({
      name,
      state: "odd",
      says: `${weak} keystores are weakly encrypted (--insecure-keys): for tests only`,
    });
  if (!findings.some(({ state }) => state === "bad"))
    findings.unshift({
      name,
      state: "good",
      says: `${found.size} key shares open, and are operator ${owner}'s of all ${lock.validators.length} validators`,
    });
  return findings;
}

const badShare = (file: string, what: string): Finding => ({
  name: "key shares",
  state: "bad",
  says: `${file} ${what}`,
});

function placesOf(
  lock: Lock,
): ReadonlyMap<string, { readonly validator: number; readonly operator: OperatorIndex }> {
  return new Map(
    lock.validators.flatMap(({ publicShares }, validator) =>
      publicShares.map((share, i) => [toHex(share), { validator, operator: i as OperatorIndex }] as const),
    ),
  );
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

/** "0-4, 7" */
export function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const from = numbers[i] as number;
    while (numbers[i + 1] === (numbers[i] as number) + 1) i++;
    const to = numbers[i] as number;
    parts.push(from === to ? `${from}` : `${from}-${to}`);
  }
  return parts.join(", ");
}
