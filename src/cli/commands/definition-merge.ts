import { toHex } from "../../base/index.ts";
import {
  contractQuestions,
  mergeDefinitions,
  missingSigners,
  nameOf,
  presentSigners,
  refuseExisting,
  verifySigners,
  writeDefinition,
} from "../../cluster/index.ts";
import { askContracts } from "../../execution/index.ts";
import { customNetwork } from "../definition-request.ts";
import { writeNewFile } from "../new-file.ts";
import { readDefinitionFile } from "../read-definition.ts";
import { executionEndpoint } from "../run-config.ts";
import type { CommandInput } from "./index.ts";

/** Puts the signatures of several copies of a definition into one. */
export async function mergeDefinitionsCommand({ chosen, io, positionals }: CommandInput): Promise<void> {
  const custom = customNetwork(chosen);
  const path = chosen.text("output-file");
  const what = "write the merged definition";
  refuseExisting(path, what);
  const endpoint = executionEndpoint(chosen);
  const merged = mergeDefinitions(positionals.map(readDefinitionFile));
  const signers = presentSigners(merged);
  const answers = await askContracts(endpoint, contractQuestions(merged, custom, signers));
  verifySigners(merged, signers, custom, answers);
  const missing = missingSigners(merged);
  await writeNewFile(path, writeDefinition(merged), { what, mode: 0o444 });
  if (chosen.flag("json")) {
    io.out(`${JSON.stringify({ path, definitionHash: toHex(merged.definitionHash), missing })}\n`);
    return;
  }
  io.out(
    missing.length === 0
      ? `Wrote ${path}: everybody has signed. Send it to all operators; then, all at the same time:\n  trireme dkg --definition-file <file>\nDefinition hash ${toHex(merged.definitionHash)}\n`
      : `Wrote ${path}. These have not signed yet: ${missing.map(nameOf).join(", ")}. Merge it again with their copies.\n`,
  );
}
