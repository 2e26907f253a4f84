import { dirname, join } from "node:path";
import { DvError, fromHex, toHex } from "../../base/index.ts";
import {
  contractQuestions,
  type Definition,
  encodeEnr,
  loadNodeKey,
  missingSigners,
  nameOf,
  parseEnr,
  readText,
  type Signer,
  type SigningRequest,
  seatOperator,
  signingRequests,
  signWithKey,
  typedDataJson,
  verifyDefinitionHashes,
  verifySigners,
  WALLET_SIGNATURE_BYTES,
  WALLET_SIGNATURES_MAX,
  type WalletSignatures,
  withSignatures,
  writeDefinition,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import { customNetwork } from "../definition-request.ts";
import { writeNewFile } from "../new-file.ts";
import { definitionPath, readDefinitionFile } from "../read-definition.ts";
import { executionEndpoint } from "../run-config.ts";
import { type Chosen, UsageError } from "../settings.ts";
import type { CommandInput } from "./index.ts";

/** Signs a definition with a wallet; without its signatures, says what the wallet is to sign. */
export async function signDefinitionCommand({ chosen, io }: CommandInput): Promise<void> {
  const path = definitionPath(chosen);
  const custom = customNetwork(chosen);
  const endpoint = executionEndpoint(chosen);
  const unsigned = readDefinitionFile(path);
  verifyDefinitionHashes(unsigned);
  const { definition, signer } = takeSeat(unsigned, chosen);
  const requests = signingRequests(definition, signer, custom);
  const signatures = readSignatures(chosen, definition, requests);
  if (signatures === undefined) {
    io.out(chosen.flag("json") ? asJson(signer, requests) : asText(path, signer, requests, chosen));
    return;
  }
  const signed = withSignatures(definition, signer, signatures);
  const answers = await askContracts(endpoint, contractQuestions(signed, custom, [signer]));
  verifySigners(signed, [signer], custom, answers);
  const output = chosen.textOr("output-file", join(dirname(path), copyName(signer)));
  await writeNewFile(output, writeDefinition(signed), { what: "write the signed definition", mode: 0o444 });
  const missing = missingSigners(signed);
  io.out(
    chosen.flag("json")
      ? `${JSON.stringify({ path: output, signer, missing })}\n`
      : `Wrote ${output}, signed by ${nameOf(signer)}.\n${
          missing.length === 0
            ? "Everybody has signed: it is ready for `trireme dkg`.\n"
            : `Send it to whoever puts the copies together (trireme definition merge). In this copy these are missing: ${missing.map(nameOf).join(", ")}.\n`
        }`,
  );
}

const copyName = (signer: Signer): string =>
  `cluster-definition-${signer === "creator" ? "creator" : `operator-${signer}`}.json`;

/** Who signs; an operator's ENR is put into its place. */
function takeSeat(
  definition: Definition,
  chosen: Chosen,
): { readonly definition: Definition; readonly signer: Signer } {
  if (chosen.flag("creator")) return { definition, signer: "creator" };
  const key = loadNodeKey(
    chosen.textOr("private-key-file", join(chosen.text("data-dir"), "charon-enr-private-key")),
  );
  const address = chosen.text("address").toLowerCase();
  const index = definition.operators.findIndex((operator) =>
    address === ""
      ? operator.enr !== "" && toHex(parseEnr(operator.enr).publicKey) === toHex(key.publicKey)
      : operator.address.toLowerCase() === address,
  );
  if (index >= 0) return { definition: seatOperator(definition, index, encodeEnr(key)), signer: index };
  if (definition.operators.every((operator) => operator.address === ""))
    throw new UsageError("cli/usage", "the definition names no wallets of operators", {
      hint: "No signature is wanted: `trireme dkg` takes it as it is.",
    });
  throw new UsageError(
    "cli/usage",
    address === ""
      ? "the definition does not have this node key yet"
      : `no operator has the wallet ${address}`,
    {
      hint: `Say with --address which wallet is yours: ${definition.operators.map((one) => one.address || "none").join(", ")}. Or sign as the creator, with --creator.`,
    },
  );
}

function readSignatures(
  chosen: Chosen,
  { version }: Definition,
  requests: readonly SigningRequest[],
): WalletSignatures | undefined {
  if (chosen.text("wallet-key-file") !== "")
    return signWithKey(
      requests,
      readHex("wallet-key-file", readWalletKey(chosen.text("wallet-key-file")), [32]),
    );
  const config = chosen.text("config-signature");
  const enr = chosen.text("enr-signature");
  if (config === "" && enr === "") return undefined;
  const wantsEnr = requests.some(({ what }) => what === "enr");
  if (config === "" || (enr === "") === wantsEnr)
    throw new UsageError(
      "cli/usage",
      wantsEnr
        ? "--config-signature and --enr-signature go together"
        : "a creator gives --config-signature alone",
      { hint: "Run the command without signatures, and it prints what the wallet is to sign." },
    );
  // A wallet of several owners, such as a Safe, has one signature after the other, for which files before v1.11 have no room.
  const lengths = Array.from(
    { length: version === "v1.11.0" ? WALLET_SIGNATURES_MAX : 1 },
    (_, i) => (i + 1) * WALLET_SIGNATURE_BYTES,
  );
  return {
    config: readHex("config-signature", config, lengths),
    ...(wantsEnr ? { enr: readHex("enr-signature", enr, lengths) } : {}),
  };
}

const readWalletKey = (path: string): string =>
  readText(path, "the wallet key", "Name the file that has the wallet's private key.").trim();

function readHex(flag: string, text: string, lengths: readonly number[]): Uint8Array {
  const [bytes = 0, ...longer] = lengths;
  const bytesFound = Math.ceil(text.replace(/^0x/i, "").length / 2);
  try {
    return fromHex(text, lengths.includes(bytesFound) ? bytesFound : bytes);
  } catch (error) {
    if (!(error instanceof DvError)) throw error;
    throw new UsageError("cli/usage", `--${flag} is not ${bytes} bytes in hexadecimal`, {
      hint: `Write 0x and ${bytes * 2} hexadecimal digits${longer.length === 0 ? "" : ", or so many for each owner of the wallet"}.`,
    });
  }
}

function asJson(signer: Signer, requests: readonly SigningRequest[]): string {
  const toSign = requests.map(({ what, address, message, chainId }) => ({
    flag: `${what}-signature`,
    address,
    typedData: typedDataJson(message, chainId),
  }));
  return `${JSON.stringify({ signer, requests: toSign }, null, 2)}\n`;
}

function asText(path: string, signer: Signer, requests: readonly SigningRequest[], chosen: Chosen): string {
  const [{ address } = { address: "" }] = requests;
  const what = { config: "that you want this cluster", enr: "that this node key is yours" };
  const again = [
    `trireme definition sign --definition-file ${path}`,
    ...(signer === "creator"
      ? ["--creator"]
      : [`--data-dir ${chosen.text("data-dir")} --address ${address}`]),
    ...requests.map((request) => `--${request.what}-signature 0x…`),
  ];
  return [
    `As ${nameOf(signer)}, sign ${requests.length === 1 ? "this" : "these two"} with the wallet ${address}: typed data (EIP-712), for instance`,
    "with eth_signTypedData_v4 in a browser wallet, or with: cast wallet sign --data '<JSON>'",
    ...requests.flatMap((request) => [
      "",
      `It says ${what[request.what]}. The signature is for --${request.what}-signature:`,
      JSON.stringify(typedDataJson(request.message, request.chainId)),
    ]),
    "",
    "Nothing was written. With what the wallet gives:",
    `  ${again.join(" ")}`,
    "",
  ].join("\n");
}
