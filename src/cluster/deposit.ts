import { concatBytes, fromHex, toHex } from "../base/index.ts";
import { genesisDomain, signingRoot, ssz } from "../spec/index.ts";
import { ClusterError } from "./errors.ts";
import type { DepositData, Registration } from "./model.ts";
import { goJson } from "./write.ts";

export const GWEI_PER_ETH = 1_000_000_000;
const VALIDATOR_GWEI = 32 * GWEI_PER_ETH;
const COMPOUNDING_GWEI_MAX = 2048 * GWEI_PER_ETH;

/** Amounts that are signed when nobody asks for others: one to activate with, and whole ones. */
export function defaultDepositAmounts(compounding: boolean): readonly number[] {
  return (compounding ? [1, 8, 32, 256] : [1, 32]).map((eth) => eth * GWEI_PER_ETH);
}

/**
 * Deposit amounts in Gwei as they are signed: each once, ascending.
 *
 * @throws ClusterError `cluster/bad-request` when one is below 1 ETH or too large, or all together are below 32 ETH.
 */
export function checkDepositAmounts(amounts: readonly number[], compounding: boolean): readonly number[] {
  const max = compounding ? COMPOUNDING_GWEI_MAX : VALIDATOR_GWEI;
  const outside = amounts.find(
    (amount) => !Number.isSafeInteger(amount) || amount < GWEI_PER_ETH || amount > max,
  );
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  if (outside !== undefined || total < VALIDATOR_GWEI) {
    throw new ClusterError("cluster/bad-request", "check deposit amounts", {
      facts: { amountsEth: amounts.map((amount) => amount / GWEI_PER_ETH) },
      hint: `Each amount must be between 1 and ${max / GWEI_PER_ETH} ETH, and their sum at least 32 ETH.`,
    });
  }
  return [...new Set(amounts)].toSorted((a, b) => a - b);
}

/** 0x01 or 0x02, eleven zeros, and the address. */
export function withdrawalCredentials(address: string, compounding: boolean): Uint8Array {
  return concatBytes(Uint8Array.of(compounding ? 2 : 1), new Uint8Array(11), fromHex(address, 20));
}

function depositMessageRoot(deposit: Omit<DepositData, "signature">): Uint8Array {
  return ssz.phase0.DepositMessage.hashTreeRoot({ ...deposit, amount: Number(deposit.amount) });
}

/** What the validator key signs for a deposit. @spec phase0/beacon-chain.md#depositmessage */
export function depositSigningRoot(
  deposit: Omit<DepositData, "signature">,
  forkVersion: Uint8Array,
): Uint8Array {
  return signingRoot(depositMessageRoot(deposit), genesisDomain(forkVersion, "deposit"));
}

/** What the validator key signs to register with builders. */
export function registrationSigningRoot(
  registration: Omit<Registration, "signature">,
  forkVersion: Uint8Array,
): Uint8Array {
  return signingRoot(
    ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(registration),
    genesisDomain(forkVersion, "applicationBuilder"),
  );
}

/** "deposit-data.json" for 32 ETH, "deposit-data-1eth.json" and so on for others. */
export function depositFileName(amountGwei: number): string {
  return amountGwei === VALIDATOR_GWEI
    ? "deposit-data.json"
    : `deposit-data-${amountGwei / GWEI_PER_ETH}eth.json`;
}

/** A deposit file as the Ethereum launchpad reads it. */
export function writeDepositFile(
  deposits: readonly DepositData[],
  forkVersion: Uint8Array,
  networkName: string,
): string {
  const plain = (bytes: Uint8Array): string => toHex(bytes).slice(2);
  const rows = deposits.map((deposit) => ({
    pubkey: plain(deposit.pubkey),
    withdrawal_credentials: plain(deposit.withdrawalCredentials),
    amount: Number(deposit.amount),
    signature: plain(deposit.signature),
    deposit_message_root: plain(depositMessageRoot(deposit)),
    deposit_data_root: plain(
      ssz.phase0.DepositData.hashTreeRoot({ ...deposit, amount: Number(deposit.amount) }),
    ),
    fork_version: plain(forkVersion),
    network_name: networkName,
    deposit_cli_version: "2.7.0",
  }));
  return goJson(rows.toSorted((a, b) => (a.pubkey < b.pubkey ? -1 : 1)));
}
