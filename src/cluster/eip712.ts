import { recoverAddressTyped } from "micro-eth-signer";
import { concatBytes, fromHex, toHex } from "../base/index.ts";
import { keccak256 } from "../crypto/index.ts";
import { atLeast, type Definition, WALLET_SIGNATURE_BYTES } from "./model.ts";

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

/**
 * The 32 bytes that a wallet signs for a message.
 *
 * @spec EIP-712 "Definition of hashStruct", "Definition of domainSeparator"
 */
export function typedDataHash(message: TypedMessage, chainId: number): Uint8Array {
  const { types, primaryType, domain, message: content } = typedData(message, chainId);
  const typeHash = (name: string): Uint8Array => {
    const fields = (types as Readonly<Record<string, readonly { name: string; type: string }[]>>)[name] ?? [];
    return ofText(`${name}(${fields.map((field) => `${field.type} ${field.name}`).join(",")})`);
  };
  const chain = fromHex(`0x${domain.chainId.toString(16).padStart(64, "0")}`);
  const separator = keccak256(
    concatBytes(typeHash("EIP712Domain"), ofText(domain.name), ofText(domain.version), chain),
  );
  const struct = keccak256(concatBytes(typeHash(primaryType), ...Object.values(content).map(ofText)));
  return keccak256(concatBytes(Uint8Array.of(0x19, 0x01), separator, struct));
}

const ofText = (text: string): Uint8Array => keccak256(new TextEncoder().encode(text));

/** Whether `address` signed the message; V may be 0, 1, 27 or 28. */
export function signedBy(
  address: string,
  message: TypedMessage,
  chainId: number,
  signature: Uint8Array,
): boolean {
  if (signature.length !== WALLET_SIGNATURE_BYTES) return false;
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
