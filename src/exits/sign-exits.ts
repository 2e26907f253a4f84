import type { SecretKey } from "../crypto/index.ts";
import {
  type ChainSpec,
  domainAt,
  type Epoch,
  type GroupKey,
  type Root,
  signingRoot,
  ssz,
  type ValidatorIndex,
} from "../spec/index.ts";
import { ExitError } from "./errors.ts";
import type { PartialExit } from "./exit-file.ts";

/** A validator that is to leave, as the chain knows it. */
export interface Leaving {
  readonly groupKey: GroupKey;
  readonly validatorIndex: ValidatorIndex;
}

/**
 * What is signed for an exit: 32 bytes. The same for ever, whatever forks come (EIP-7044).
 *
 * @spec phase0/beacon-chain.md#voluntary-exits
 */
export function exitRoot(
  chain: ChainSpec,
  exit: { readonly validatorIndex: ValidatorIndex; readonly epoch: Epoch },
): Root {
  const { validatorIndex, epoch } = exit;
  return signingRoot(
    ssz.phase0.VoluntaryExit.hashTreeRoot({ epoch, validatorIndex }),
    domainAt(chain, "exit", epoch),
  );
}

/** Signs the exits with this operator's key shares. @throws ExitError `exits/bad-file` - a share is missing */
export function signExits(
  chain: ChainSpec,
  leaving: readonly Leaving[],
  { shares, epoch }: { readonly shares: ReadonlyMap<GroupKey, SecretKey>; readonly epoch: Epoch },
): readonly PartialExit[] {
  return leaving.map(({ groupKey, validatorIndex }) => {
    const share = shares.get(groupKey);
    if (share === undefined)
      throw new ExitError("exits/bad-file", "sign an exit: this folder has no key share of the validator", {
        facts: { validator: groupKey },
        hint: "Put its keystore and password into validator_keys/, or name other validators.",
      });
    return {
      groupKey,
      validatorIndex,
      epoch,
      signature: share.sign(exitRoot(chain, { validatorIndex, epoch })),
    };
  });
}
