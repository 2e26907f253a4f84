import type { ShareSigner } from "../ports/index.ts";
import type { KeyShares } from "./shares.ts";

/** Signs with shares held in memory. */
export function createKeystoreSigner(shares: KeyShares): ShareSigner {
  return {
    groupKeys: [...shares.keys()],
    async sign(requests, signal) {
      signal.throwIfAborted();
      return requests.map(({ groupKey, root }) => shares.get(groupKey)?.sign(root));
    },
  };
}
