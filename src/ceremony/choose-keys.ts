import type { Definition } from "../cluster/index.ts";
import { CeremonyError } from "./errors.ts";
import { frostKeys } from "./frost-keys.ts";
import type { KeyMaker, KeyMakerNeeds } from "./key-makers.ts";
import { pedersenKeys } from "./pedersen-keys.ts";

/** The rounds of the algorithm that a definition names. @throws CeremonyError `ceremony/refused` for one we do not know */
export function chooseKeys({ dkgAlgorithm }: Definition): (needs: KeyMakerNeeds) => KeyMaker {
  if (dkgAlgorithm === "pedersen") return pedersenKeys;
  if (dkgAlgorithm === "frost" || dkgAlgorithm === "default") return frostKeys;
  throw new CeremonyError("ceremony/refused", "choose how keys are made", {
    facts: { algorithm: dkgAlgorithm },
    hint: "The definition's dkg_algorithm must be default, frost or pedersen. Have the definition made again.",
  });
}
