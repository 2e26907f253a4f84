import { fromHex, type Hex, JsonFields, toHex } from "../base/index.ts";
import type { Epoch, GroupKey, OperatorIndex, ValidatorIndex } from "../spec/index.ts";
import { ExitError } from "./errors.ts";

/** One operator's signature under a validator's exit. */
export interface PartialExit {
  readonly groupKey: GroupKey;
  readonly validatorIndex: ValidatorIndex;
  readonly epoch: Epoch;
  /** 96 bytes, by the operator's key share. */
  readonly signature: Uint8Array;
}

/** What one operator signed. */
export interface ExitFile {
  readonly lockHash: Hex;
  readonly operator: OperatorIndex;
  readonly exits: readonly PartialExit[];
}

/** Validators of a lock. */
const EXITS_MAX = 65_536;
const OPERATORS_MAX = 256;

/** JSON; each exit looks as the beacon API has it, but for its signature, which is one operator's. */
export function writeExitFile({ lockHash, operator, exits }: ExitFile): string {
  const list = exits.map(({ groupKey, validatorIndex, epoch, signature }) => ({
    public_key: groupKey,
    signed_exit_message: {
      message: { epoch: String(epoch), validator_index: String(validatorIndex) },
      signature: toHex(signature),
    },
  }));
  return `${JSON.stringify({ lock_hash: lockHash, operator, partial_exits: list }, null, 1)}\n`;
}

/** @throws ExitError `exits/bad-file` with the path and what is wrong where */
export function readExitFile(text: string, path: string): ExitFile {
  const wrong = (where: string, wanted: string): ExitError =>
    new ExitError("exits/bad-file", "read a file of partial exits", {
      facts: { path, where, wanted },
      hint: "It is what `trireme exit sign` wrote, unchanged; have its operator make and send it again.",
    });
  const file = JsonFields.parse(text, "file", wrong);
  const operator = file.number("operator");
  if (operator >= OPERATORS_MAX) throw file.failure("operator", "the number of an operator");
  return {
    lockHash: file.hex("lock_hash", 32),
    operator: operator as OperatorIndex,
    exits: file.list("partial_exits", EXITS_MAX, (exit) => {
      const signed = exit.object("signed_exit_message");
      const message = signed.object("message");
      return {
        groupKey: exit.hex("public_key", 48) as GroupKey,
        validatorIndex: message.quoted("validator_index"),
        epoch: message.quoted("epoch"),
        signature: fromHex(signed.hex("signature", 96), 96),
      };
    }),
  };
}
