import { Turns } from "../base/index.ts";
import type { ShareSigner } from "../ports/index.ts";
import { PIECE_MS } from "./limits.ts";
import type { KeyShares } from "./shares.ts";

/**
 * Signs with shares held in memory, in this thread: a signature takes 0.4 ms, so the shares need not be copied into
 * another thread, and many requests are cut into pieces that leave the event loop its time (docs/adr/0013).
 */
export function createKeystoreSigner(shares: KeyShares): ShareSigner {
  /** By the list that a call fills: each call has its own. */
  const turns = new Turns<readonly unknown[]>((give) => void setImmediate(give));
  return {
    groupKeys: [...shares.keys()],
    async sign(requests, signal) {
      const signatures: (Uint8Array | undefined)[] = [];
      let pieces = 0;
      while (signatures.length < requests.length) {
        await turns.next(signatures);
        signal.throwIfAborted();
        pieces++;
        const started = performance.now();
        do {
          const request = requests[signatures.length];
          signatures.push(
            request === undefined ? undefined : shares.get(request.groupKey)?.sign(request.root),
          );
        } while (signatures.length < requests.length && performance.now() - started < PIECE_MS);
      }
      // Whoever asked for many encodes and sends as many now: not in the round of the loop that has signed the last of them.
      if (pieces > 1) await turns.next(signatures);
      return signatures;
    },
  };
}
