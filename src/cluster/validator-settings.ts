import { toHex } from "../base/index.ts";
import type { Definition, DistributedValidator, Lock } from "./model.ts";
import { depositAmountsOf } from "./validators.ts";

/** What the chain and builders are told of validators; equal for all of a group. */
export interface ValidatorSettings {
  /** Places in the lock, ascending. */
  readonly validators: readonly number[];
  readonly withdrawalAddress: string;
  /** 0x02: may hold up to 2,048 ETH, and its rewards compound. */
  readonly compounding: boolean;
  readonly feeRecipient: string;
  /** Gwei, ascending. */
  readonly depositAmounts: readonly number[];
  /** As registered with builders; undefined where the lock has no registration. */
  readonly gasLimit: number | undefined;
  /** Unix seconds. */
  readonly registeredAt: number | undefined;
}

/** Settings of all validators; those with equal ones are one entry, in the order of the lock. */
export function validatorSettings(lock: Lock): readonly ValidatorSettings[] {
  const groups = new Map<
    string,
    { readonly settings: Omit<ValidatorSettings, "validators">; members: number[] }
  >();
  for (const [i, validator] of lock.validators.entries()) {
    const settings = settingsOf(lock.definition, i, validator);
    const name = JSON.stringify(settings);
    const group = groups.get(name) ?? { settings, members: [] };
    group.members.push(i);
    groups.set(name, group);
  }
  return [...groups.values()].map(({ settings, members }) => ({ validators: members, ...settings }));
}

function settingsOf(
  definition: Definition,
  i: number,
  { deposits, registration }: DistributedValidator,
): Omit<ValidatorSettings, "validators"> {
  const { feeRecipient = "", withdrawal = "" } = definition.validators[i] ?? {};
  const [first] = deposits;
  return {
    withdrawalAddress: first === undefined ? withdrawal : toHex(first.withdrawalCredentials.subarray(12)),
    compounding: first === undefined ? definition.compounding : first.withdrawalCredentials[0] === 2,
    feeRecipient: registration === undefined ? feeRecipient : toHex(registration.feeRecipient),
    depositAmounts:
      first === undefined ? depositAmountsOf(definition) : deposits.map(({ amount }) => Number(amount)),
    gasLimit: registration?.gasLimit,
    registeredAt: registration?.timestamp,
  };
}
