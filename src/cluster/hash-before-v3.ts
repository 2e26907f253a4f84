import { toHex } from "../base/index.ts";
import type { HashedPart } from "./hash.ts";
import type { Definition } from "./model.ts";
import { bytes, type Chunk, container, list, uint64 } from "./ssz.ts";

/** Text as bytes of any length; what is empty has no place at all. */
const text = (value: string): readonly Chunk[] => bytes(new TextEncoder().encode(value));

/**
 * The fields of a definition before v1.3: hexadecimal values go in as their text, and lists have no room for more than what
 * is in them.
 */
export function fieldsBeforeV3(definition: Definition, part: HashedPart): readonly (readonly Chunk[])[] {
  const all = part === "all";
  const { version, operators, timestamp } = definition;
  const [settings] = definition.validators;
  const nonce = version === "v1.2.0" ? [] : [uint64(0)];
  const hasTimestamp = all ? version !== "v1.0.0" : timestamp !== "";
  return [
    text(definition.uuid),
    text(definition.name),
    text(version),
    uint64(definition.numValidators),
    uint64(definition.threshold),
    text(settings?.feeRecipient ?? ""),
    text(settings?.withdrawal ?? ""),
    text(definition.dkgAlgorithm),
    text(toHex(definition.forkVersion)),
    list(
      operators.map(({ address, enr, configSignature, enrSignature }) =>
        all
          ? container([text(address), text(enr), ...nonce, bytes(configSignature), bytes(enrSignature)])
          : text(address),
      ),
      operators.length,
    ),
    ...(hasTimestamp ? [text(timestamp)] : []),
  ];
}
