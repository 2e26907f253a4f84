import { recoverAddressTyped } from "micro-eth-signer";
import { concatBytes, toHex } from "../base/index.ts";
import { atLeast, type Definition } from "./model.ts";

/** What an operator or creator signs with a wallet, by the name of its EIP-712 type. */
export type TypedMessage =
  /** In v1.3. */
  | { readonly type: "ConfigHash"; readonly configHash: Uint8Array }
  | { readonly type: "OperatorConfigHash"; readonly configHash: Uint8Array }
  | { readonly type: "CreatorConfigHash"; readonly configHash: Uint8Array }
  | { readonly type: "ENR"; readonly enr: string };

const FIELD = {
  ConfigHash: "config_hash",
  OperatorConfigHash: "operator_config_hash",
  CreatorConfigHash: "creator_config_hash",
  ENR: "enr",
} as const;

/** What says that the operators, or the creator, want this configuration. */
export function configMessage({ configHash, version }: Definition, by: "operator" | "creator"): TypedMessage {
  if (by === "creator") return { type: "CreatorConfigHash", configHash };
  return { type: atLeast(version, "v1.4.0") ? "OperatorConfigHash" : "ConfigHash", configHash };
}

/** The typed data as a wallet shows and signs it (EIP-712), under the domain "Obol". */
export function typedData(message: TypedMessage, chainId: number) {
  const field = FIELD[message.type];
  return {
    types: {
      EIP712Domain: [
        { name: "name", type: "string" },
        { name: "version", type: "string" },
        { name: "chainId", type: "uint256" },
      ],
      [message.type]: [{ name: field, type: "string" }],
    },
    primaryType: message.type,
    domain: { name: "Obol", version: "1", chainId: BigInt(chainId) },
    message: { [field]: message.type === "ENR" ? message.enr : toHex(message.configHash) },
  };
}

/** The typed data as JSON, which wallets and `cast wallet sign --data` take. */
export function typedDataJson(message: TypedMessage, chainId: number): Record<string, unknown> {
  const data = typedData(message, chainId);
  return { ...data, domain: { ...data.domain, chainId } };
}

/** Whether `address` signed the message; V may be 0, 1, 27 or 28. */
export function signedBy(
  address: string,
  message: TypedMessage,
  chainId: number,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 65) return false;
  const v = signature[64] as number;
  const canonical = concatBytes(signature.subarray(0, 64), Uint8Array.of(v < 27 ? v + 27 : v));
  try {
    return (
      recoverAddressTyped(toHex(canonical), typedData(message, chainId) as never).toLowerCase() ===
      address.toLowerCase()
    );
  } catch {
    return false;
  }
}
