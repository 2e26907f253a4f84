import { seededRandom } from "../../src/base/index.ts";
import type { GroupKey } from "../../src/spec/index.ts";
import { openNodeStore } from "../../src/storage/index.ts";

// Admits votes for ever and prints each batch once the store has answered. The parent kills it at any moment.
const [path, seedText, epochText] = process.argv.slice(2) as [string, string, string];
const random = seededRandom(Number(seedText));
const store = await openNodeStore({
  path,
  lockHash: new Uint8Array(32).fill(5),
  genesisValidatorsRoot: new Uint8Array(32),
});
const signal = new AbortController().signal;

for (let epoch = Number(epochText); ; epoch++) {
  const votes = Array.from({ length: 1 + random.integer(20) }, (_, i) => ({
    pubkey: `0x${i.toString(16).padStart(96, "0")}` as GroupKey,
    vote: {
      kind: "attestation" as const,
      source: epoch - 1,
      target: epoch,
      signingRoot: new Uint8Array(32).fill(random.integer(256)),
    },
  }));
  store.saveDuties([{ duty: { slot: epoch, kind: "attester" }, entries: [], outcomes: [] }]);
  const verdicts = await store.admit(votes, signal);
  const admitted = votes.flatMap(({ pubkey, vote }, i) =>
    verdicts[i]?.admitted === true ? [{ pubkey, target: vote.target, fill: vote.signingRoot[0] }] : [],
  );
  process.stdout.write(`${JSON.stringify(admitted)}\n`);
}
