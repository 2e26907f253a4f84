import { join } from "node:path";
import { each, toHex } from "../base/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { bad, type Finding } from "./finding.ts";
import { KEYSTORE_NAME, KEYSTORES_AT_ONCE, openKeystore } from "./keystore-files.ts";
import { namesIn } from "./load.ts";
import type { Lock } from "./model.ts";

const NAME = "key shares";
const finding = (state: Finding["state"], says: string): Finding => ({ name: NAME, state, says });

/**
 * That every validator has the operator's own share, at its place, in a keystore that opens.
 *
 * @param operator - Whose folder it is; when that is not known, whose the first share is.
 */
export async function inspectShares(
  folder: string,
  lock: Lock,
  operator: OperatorIndex | undefined,
  onKeystore: (done: number, of: number) => void,
): Promise<readonly Finding[]> {
  const home = join(folder, "validator_keys");
  let files: readonly string[];
  try {
    files = namesIn(home).filter((file) => KEYSTORE_NAME.test(file));
  } catch (error) {
    return [bad(NAME, error)];
  }
  if (files.length === 0)
    return [
      finding(
        "odd",
        "there are no key shares here; that is right only if a validator client elsewhere holds them",
      ),
    ];
  const places = placesOf(lock);
  const findings: Finding[] = [];
  /** The file of each validator's share. */
  const found = new Map<number, string>();
  let owner = operator;
  let weak = 0;
  let done = 0;

  const look = ({ secret, index, isWeak }: Awaited<ReturnType<typeof openKeystore>>, file: string): void => {
    if (isWeak) weak++;
    const place = places.get(toHex(secret.publicKey()));
    owner ??= place?.operator;
    const amiss = (state: Finding["state"], what: string): void =>
      void findings.push(finding(state, `${file} ${what}`));
    if (place === undefined) return amiss("bad", "is of no validator of this lock");
    const { validator } = place;
    if (place.operator !== owner)
      return amiss(
        "bad",
        `is operator ${place.operator}'s share of validator ${validator}, not operator ${owner}'s`,
      );
    const twin = found.get(validator);
    if (twin !== undefined) return amiss("bad", `holds the same share as ${twin}`);
    found.set(validator, file);
    if (index !== validator)
      amiss(
        "odd",
        `is the share of validator ${validator}: Charon wants the number of the validator in the name`,
      );
  };

  await each(files.toSorted(), KEYSTORES_AT_ONCE, async (file) => {
    try {
      look(await openKeystore(home, file), file);
    } catch (error) {
      findings.push(bad(NAME, error));
    }
    onKeystore(++done, files.length);
  });
  const missing = [...lock.validators.keys()].filter((validator) => !found.has(validator));
  if (missing.length > 0)
    findings.push(finding("bad", `no key share here of ${missing.length} validators: ${ranges(missing)}`));
  if (weak > 0)
    findings.push(finding("odd", `${weak} keystores are weakly encrypted (--insecure-keys): for tests only`));
  if (findings.some(({ state }) => state === "bad")) return findings;
  const all = `${found.size} key shares open, and are operator ${owner}'s of all ${lock.validators.length} validators`;
  return [finding("good", all), ...findings];
}

function placesOf(
  lock: Lock,
): ReadonlyMap<string, { readonly validator: number; readonly operator: OperatorIndex }> {
  return new Map(
    lock.validators.flatMap(({ publicShares }, validator) =>
      publicShares.map((share, i) => [toHex(share), { validator, operator: i as OperatorIndex }] as const),
    ),
  );
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
