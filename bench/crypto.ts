import { createHash } from "node:crypto";
import mcl from "mcl-wasm";
import {
  combineSlot,
  combineUnverified,
  hashBytesRoot,
  invert,
  type KeyShare,
  modOrder,
  NodeKey,
  ParsedKeys,
  recoverPublicKey,
  type SignatureSet,
  scalarToBytes,
  verify,
  verifyAll,
  verifySecp256k1,
} from "../src/crypto/index.ts";
import { honestJob, type TestValidator, testRoot, testValidator } from "../src/crypto/testing/slot.ts";
import { createBlsThreads, createKeystoreSigner } from "../src/signer/index.ts";
import { INLINE_ITEMS_MAX } from "../src/signer/limits.ts";

// What the cryptography of a duty costs, the plain way and ours, in one run: the ratios hold on any machine.

const SHARE_COUNT = 4;
const THRESHOLD = 3;

/** Median time of a call in microseconds, after one call to warm up. */
function time(work: () => unknown, { atLeastMs = 400, callsMin = 5 } = {}): number {
  work();
  const times: number[] = [];
  const started = performance.now();
  while (times.length < callsMin || performance.now() - started < atLeastMs) {
    const before = performance.now();
    work();
    times.push((performance.now() - before) * 1000);
  }
  return times.toSorted((a, b) => a - b)[times.length >>> 1] as number;
}

const rows: [what: string, us: number, note: string][] = [];
const row = (what: string, us: number, note = ""): void => void rows.push([what, us, note]);
const ratio = (a: number, b: number): string => `${(a / b).toFixed(1)} times quicker`;

/** What a direct port of Charon does with a WASM library: full-size Lagrange coefficients, one multiplication per partial. */
function combinePlainly(
  partials: readonly { readonly index: number; readonly signature: Uint8Array }[],
): Uint8Array {
  let sum = new mcl.G2();
  for (const { index, signature } of partials) {
    let coefficient = 1n;
    for (const { index: other } of partials)
      if (other !== index)
        coefficient = modOrder(coefficient * BigInt(other) * invert(BigInt(other - index)));
    const point = new mcl.G2();
    point.deserialize(signature);
    const factor = new mcl.Fr();
    factor.setBigEndianMod(scalarToBytes(coefficient));
    sum = mcl.add(sum, mcl.mul(point, factor));
  }
  return Uint8Array.from(sum.serialize());
}

/** The longest time between two turns of the event loop while `work` runs, in milliseconds; the median of three runs. */
async function stillMs(work: () => Promise<unknown>): Promise<number> {
  const worst: number[] = [];
  for (let run = 0; run < 3; run++) {
    let longest = 0;
    let last = performance.now();
    let over = false;
    const turn = (): void => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    await work();
    over = true;
    worst.push(longest);
  }
  return worst.toSorted((a, b) => a - b)[1] as number;
}

/** Median time from call to answer in microseconds. */
async function timeAsync(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 20; run++) {
    const before = performance.now();
    await work();
    times.push((performance.now() - before) * 1000);
  }
  return times.toSorted((a, b) => a - b)[10] as number;
}

/** The root as a straightforward port computes it; for sizes that are powers of two. */
function rootPairByPair(bytes: Uint8Array): Uint8Array {
  let level = bytes;
  while (level.length > 32) {
    const next = new Uint8Array(level.length / 2);
    for (let at = 0; at < level.length; at += 64)
      next.set(
        createHash("sha256")
          .update(level.subarray(at, at + 64))
          .digest(),
        at / 2,
      );
    level = next;
  }
  return level;
}

await mcl.init(mcl.BLS12_381);
mcl.setETHserialization(true);

const validators = Array.from({ length: 512 }, (_, i) =>
  testValidator(i, { threshold: THRESHOLD, shareCount: SHARE_COUNT }),
);
const [first] = validators as [TestValidator];
const root = testRoot("bench");
const keys = new ParsedKeys();
const sets = validators.map(
  ({ key }): SignatureSet => ({ publicKey: key.publicKey(), root, signature: key.sign(root) }),
);
const distinct = validators.slice(0, 128).map(({ key }, i): SignatureSet => {
  const own = testRoot(`distinct ${i}`);
  return { publicKey: key.publicKey(), root: own, signature: key.sign(own) };
});

// Signatures.
const verifyOne = time(() => verify(sets[0] as SignatureSet, keys));
row(
  "sign",
  time(() => first.key.sign(root)),
);
row("verify one signature", verifyOne);
for (const count of [128, 512]) {
  const each = time(() => verifyAll(sets.slice(0, count), keys), { callsMin: 3 }) / count;
  row(`verify ${count} of one root, each`, each, ratio(verifyOne, each));
}
const distinctEach = time(() => verifyAll(distinct, keys), { callsMin: 3 }) / distinct.length;
row("verify 128 of distinct roots, each", distinctEach, ratio(verifyOne, distinctEach));

// Combination.
const partialsOf = (signers: readonly number[]): { index: number; signature: Uint8Array }[] =>
  honestJob(first, root, signers).partials.map(({ share, signature }) => ({ index: share, signature }));
for (const signers of [
  [1, 3, 4],
  [1, 2, 4],
]) {
  const partials = partialsOf(signers);
  const plain = time(() => combinePlainly(partials));
  const ours = time(() => combineUnverified(partials));
  if (Buffer.compare(combinePlainly(partials), combineUnverified(partials)) !== 0)
    throw new Error("results differ");
  row(`combine ${signers.join(", ")} plainly`, plain);
  row(`combine ${signers.join(", ")} with integers`, ours, ratio(plain, ours));
}

// A duty of a slot: combine and verify, per validator.
const jobs = validators.slice(0, 128).map((validator) => honestJob(validator, root));
const [oneJob] = jobs as [(typeof jobs)[number]];
const threePartials = partialsOf([1, 3, 4]);
const plainDuty = time(() => {
  for (const { share, signature } of oneJob.partials)
    verify({ publicKey: oneJob.publicShares[share - 1] as Uint8Array, root, signature }, keys);
  const signature = combinePlainly(threePartials);
  verify({ publicKey: first.key.publicKey(), root, signature }, keys);
});
const ourDuty = time(() => combineSlot(jobs, keys), { callsMin: 3 }) / jobs.length;
row("duty, plainly: verify 4 partials, combine, verify", plainDuty, "per validator");
row("duty, ours: 128 validators of a slot", ourDuty, `per validator, ${ratio(plainDuty, ourDuty)}`);
row(
  "duty, ours: one validator",
  time(() => combineSlot([oneJob], keys)),
);
const lying = jobs.map((job) => ({
  ...job,
  partials: job.partials.map((p) =>
    p.share === 1 ? { ...p, signature: job.partials[1]?.signature as Uint8Array } : p,
  ),
}));
row(
  "duty, ours: 128 validators, one operator lies everywhere",
  time(() => combineSlot(lying, keys), { callsMin: 3 }) / jobs.length,
  "per validator",
);

// Off the event loop.
const threads = createBlsThreads({ threads: 1 });
await threads.combine(jobs.slice(0, 3));
for (const count of [1, 2, 3]) {
  const where = count <= INLINE_ITEMS_MAX ? "the calling thread" : "a thread";
  const here = time(() => combineSlot(jobs.slice(0, count), keys));
  const through = await timeAsync(() => threads.combine(jobs.slice(0, count)));
  row(
    `duty, ${count} on ${where}, from call to answer`,
    through,
    `${(through - here).toFixed(0)} us above the bare work`,
  );
}
row(
  "duty, 128 validators on a thread: event loop stands still at most",
  (await stillMs(() => threads.combine(jobs))) * 1000,
);
await threads.close();
const signer = createKeystoreSigner(
  new Map(validators.map((v) => [v.groupKey, (v.shares[0] as KeyShare).secret])),
);
const requests = validators.map(({ groupKey }) => ({ groupKey, root }));
const never = new AbortController().signal;
row(
  "sign for 512 validators: event loop stands still at most",
  (await stillMs(() => signer.sign(requests, never))) * 1000,
);

// Consensus messages.
const node = NodeKey.fromBytes(new Uint8Array(32).fill(7));
const digest = testRoot("message");
const signature = node.sign(digest);
row(
  "secp256k1 sign",
  time(() => node.sign(digest)),
);
row(
  "secp256k1 verify",
  time(() => verifySecp256k1(digest, node.publicKey, signature)),
);
row(
  "secp256k1 recover",
  time(() => recoverPublicKey(digest, signature)),
);
const block = new Uint8Array(1 << 20).fill(3);
const rootOfBlock = time(() => hashBytesRoot(block));
const pairByPair = time(() => rootPairByPair(block), { callsMin: 2, atLeastMs: 100 });
row("root of 1 MB, pair by pair with node:crypto", pairByPair);
row("root of 1 MB", rootOfBlock, ratio(pairByPair, rootOfBlock));

const width = Math.max(...rows.map(([what]) => what.length));
for (const [what, us, note] of rows)
  process.stdout.write(`${what.padEnd(width)}  ${us.toFixed(0).padStart(8)} us  ${note}\n`);
