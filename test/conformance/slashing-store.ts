import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { SlashingStore } from "../../src/ports/index.ts";
import type { SlashableVote, Verdict } from "../../src/slashing/index.ts";
import { type Interchange, type InterchangeKind, parseInterchange } from "../../src/slashing/index.ts";
import type { GroupKey } from "../../src/spec/index.ts";

export interface StoreUnderTest extends SlashingStore {
  importInterchange(interchange: Interchange): Promise<unknown>;
  exportInterchange(kind: InterchangeKind): Promise<Interchange>;
}

/** How the suite makes stores of one kind. */
export interface Maker {
  /** An empty store for the chain with this genesis validators root. */
  open(genesisValidatorsRoot: Uint8Array): Promise<StoreUnderTest>;
  /** The process stops without a word and starts again; settles with the store that it then has. */
  crash(store: StoreUnderTest): Promise<StoreUnderTest>;
  close(store: StoreUnderTest): Promise<void>;
  /** The same rules by a quicker way, for the many vectors; `open` when left out. */
  openPlain?(genesisValidatorsRoot: Uint8Array): StoreUnderTest;
}

const never = new AbortController().signal;
const key = (i: number): GroupKey => `0x${i.toString(16).padStart(96, "0")}` as GroupKey;
const root = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const CHAIN = root(0);
const block = (slot: number, fill = 1): SlashableVote => ({ kind: "block", slot, signingRoot: root(fill) });
const vote = (source: number, target: number, fill = 1): SlashableVote => ({
  kind: "attestation",
  source,
  target,
  signingRoot: root(fill),
});
const answer = (verdict: Verdict | undefined): string | undefined =>
  verdict?.admitted === false ? verdict.reason : verdict && "admitted";

async function ask(
  store: SlashingStore,
  ...votes: readonly (readonly [number, SlashableVote])[]
): Promise<(string | undefined)[]> {
  const verdicts = await store.admit(
    votes.map(([i, v]) => ({ pubkey: key(i), vote: v })),
    never,
  );
  return verdicts.map(answer);
}

/** What every `SlashingStore` promises (src/ports/slashing-store.ts). */
export function slashingStoreConformance(name: string, maker: Maker): void {
  const check = (sentence: string, body: (store: StoreUnderTest) => Promise<StoreUnderTest | void>): void => {
    void test(`${name}: ${sentence}`, async () => {
      let store = await maker.open(CHAIN);
      try {
        store = (await body(store)) ?? store;
      } finally {
        await maker.close(store);
      }
    });
  };

  check("one epoch is enough to be within an earlier vote, or around one", async (store) => {
    const asked = [
      [1, vote(0, 2)],
      [1, vote(1, 5)],
      [1, vote(2, 4)],
      [2, vote(0, 2)],
      [2, vote(3, 5)],
      [2, vote(2, 6)],
      [3, vote(0, 2)],
      [3, vote(1, 5)],
      [3, vote(1, 4)],
      [3, vote(1, 6)],
      [4, vote(1, 2)],
      [4, vote(3, 4)],
      [4, vote(1, 3)],
    ] as const;
    assert.deepEqual(await ask(store, ...asked), [
      "admitted",
      "admitted",
      "surrounded",
      "admitted",
      "admitted",
      "surrounds",
      ...asked.slice(6).map(() => "admitted"),
    ]);
  });

  check("votes of one call are judged in order, each against those before it", async (store) => {
    const asked = [
      [1, vote(1, 2)],
      [1, vote(1, 2, 9)],
      [2, vote(1, 2, 9)],
      [1, vote(0, 3)],
      [1, vote(1, 2)],
      [1, block(5)],
      [1, block(9)],
      [1, block(9, 2)],
      [1, block(9)],
    ] as const;
    assert.deepEqual(await ask(store, ...asked), [
      "admitted",
      "double-vote",
      "admitted",
      "surrounds",
      "admitted",
      "admitted",
      "admitted",
      "double-vote",
      "admitted",
    ]);
    assert.deepEqual(await ask(store), []);
  });

  check(
    "nothing at or below the lowest vote on record is signed afresh, also after a restart",
    async (store) => {
      await ask(store, [1, vote(5, 6)], [1, vote(7, 9)], [1, block(50)], [1, block(60)]);
      const low = [
        [1, vote(5, 5)],
        [1, vote(4, 5)],
        [1, vote(4, 6)],
        [1, block(49)],
      ] as const;
      const refused = ["too-old", "too-old", "double-vote", "too-old"];
      assert.deepEqual(await ask(store, ...low), refused);
      const after = await maker.crash(store);
      assert.deepEqual(await ask(after, ...low), refused);
      assert.deepEqual(await ask(after, [1, vote(6, 8)], [1, block(55)]), ["admitted", "admitted"]);
      return after;
    },
  );

  check("a refused vote leaves no trace", async (store) => {
    await ask(store, [1, vote(4, 5)], [1, vote(3, 9)], [1, block(8)], [1, block(7)]);
    assert.deepEqual(await ask(store, [1, vote(5, 9, 7)], [1, block(9)]), ["admitted", "admitted"]);
  });

  check("calls that overlap are judged as if one came after the other", async (store) => {
    const fills = Array.from({ length: 20 }, (_, i) => i);
    const verdicts = await Promise.all(fills.map((fill) => ask(store, [1, block(5, fill)])));
    assert.equal(verdicts.flat().filter((v) => v === "admitted").length, 1);
  });

  check("after a crash every vote that was answered is remembered, with its root", async (store) => {
    await ask(store, [1, vote(1, 2)], [1, block(3)]);
    await ask(store, [2, vote(4, 5)]);
    const after = await maker.crash(store);
    const asked = [
      [1, vote(1, 2, 9)],
      [1, vote(1, 2)],
      [1, block(3, 9)],
      [1, block(3)],
      [2, vote(3, 6)],
    ] as const;
    assert.deepEqual(await ask(after, ...asked), [
      "double-vote",
      "admitted",
      "double-vote",
      "admitted",
      "surrounds",
    ]);
    return after;
  });

  check("a vote is refused for ever, long after it was pruned", async (store) => {
    for (let epoch = 1; epoch <= 400; epoch += 8) {
      const asked = Array.from({ length: 8 }, (_, i) => epoch + i);
      await ask(
        store,
        ...asked.flatMap(
          (e) =>
            [
              [1, vote(e - 1, e)],
              [1, block(e)],
            ] as const,
        ),
      );
    }
    const after = await maker.crash(store);
    const old = Array.from({ length: 400 }, (_, i) => i + 1);
    const verdicts = await ask(
      after,
      ...old.flatMap(
        (e) =>
          [
            [1, vote(e - 1, e, 9)],
            [1, block(e, 9)],
          ] as const,
      ),
    );
    assert.ok(verdicts.every((v) => v === "double-vote" || v === "too-old"));
    assert.deepEqual(await ask(after, [1, vote(2, 401)], [1, vote(400, 401)]), ["surrounds", "admitted"]);
    return after;
  });

  check("what is asked after the signal fired is not recorded", async (store) => {
    const gone = AbortSignal.abort(new Error("too late"));
    await assert.rejects(store.admit([{ pubkey: key(1), vote: block(5) }], gone), /too late/);
    assert.deepEqual(await ask(store, [1, block(5, 9)]), ["admitted"]);
  });

  check("an import of another chain changes nothing", async (store) => {
    const foreign = {
      genesisValidatorsRoot: root(7),
      validators: [{ pubkey: key(1), blocks: [{ slot: 100 }], attestations: [] }],
    };
    await assert.rejects(store.importInterchange(foreign), { code: "slashing/other-chain" });
    assert.deepEqual(await ask(store, [1, block(5)]), ["admitted"]);
  });

  check("what one store exports makes another refuse the same votes", async (store) => {
    await ask(store, [1, vote(1, 2)], [1, vote(4, 7)], [1, block(3)], [2, block(9)]);
    for (const kind of ["complete", "minimal"] as const) {
      const other = await maker.open(CHAIN);
      await other.importInterchange(await store.exportInterchange(kind));
      const asked = [
        [1, vote(1, 2, 9)],
        [1, vote(4, 7, 9)],
        [1, vote(3, 8)],
        [1, block(3, 9)],
        [2, block(9, 9)],
      ] as const;
      for (const verdict of await ask(other, ...asked)) assert.notEqual(verdict, "admitted");
      assert.deepEqual(await ask(other, [1, vote(4, 8)], [2, block(10)]), ["admitted", "admitted"]);
      await maker.close(other);
    }
  });

  check("after an import nothing below its highest votes is signed, also after a restart", async (store) => {
    const record = {
      pubkey: key(1),
      blocks: [{ slot: 5 }, { slot: 100 }],
      attestations: [
        { source: 3, target: 4 },
        { source: 50, target: 60 },
      ],
    };
    await store.importInterchange({ genesisValidatorsRoot: CHAIN, validators: [record] });
    // No entry of the file contradicts these, but a file may leave out what it knows of.
    const between = [
      [1, block(50)],
      [1, vote(10, 20)],
      [1, vote(4, 5)],
    ] as const;
    const tooOld = between.map(() => "too-old");
    assert.deepEqual(await ask(store, ...between), tooOld);
    const after = await maker.crash(store);
    assert.deepEqual(await ask(after, ...between), tooOld);
    assert.deepEqual(await ask(after, [1, block(101)], [1, vote(50, 61)], [2, block(50)]), [
      "admitted",
      "admitted",
      "admitted",
    ]);
    return after;
  });

  for (const vector of readVectors()) {
    void test(`${name}: EIP-3076 vector ${vector.name}`, () => runVector(vector, maker));
  }
}

interface Vector {
  readonly name: string;
  readonly genesis_validators_root: string;
  readonly steps: readonly {
    readonly should_succeed: boolean;
    readonly contains_slashable_data: boolean;
    readonly interchange: unknown;
    readonly blocks: readonly (VectorVote & { readonly slot: string })[];
    readonly attestations: readonly (VectorVote & {
      readonly source_epoch: string;
      readonly target_epoch: string;
    })[];
  }[];
}
interface VectorVote {
  readonly pubkey: string;
  readonly signing_root?: string;
  readonly should_succeed: boolean;
  readonly should_succeed_complete: boolean;
}

const VECTORS = join(import.meta.dirname, "../vectors/eip3076");

function readVectors(): readonly Vector[] {
  assert.ok(existsSync(VECTORS), "test/vectors/eip3076 is missing");
  return readdirSync(VECTORS)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(VECTORS, name), "utf8")) as Vector);
}

/**
 * Signs what the vector allows under both database strategies, and refuses what it forbids under both. Between them lie
 * votes below the highest imported one, where we may be as strict as a minimal database (see `importedFloors`).
 */
async function runVector(vector: Vector, maker: Maker): Promise<void> {
  const bytes = (hex: string | undefined): Uint8Array =>
    new Uint8Array(Buffer.from((hex ?? "0x").slice(2), "hex"));
  const chain = bytes(vector.genesis_validators_root);
  const store = maker.openPlain?.(chain) ?? (await maker.open(chain));
  try {
    for (const [i, step] of vector.steps.entries()) {
      const interchange = parseInterchange(JSON.stringify(step.interchange));
      if (!step.should_succeed) {
        await assert.rejects(store.importInterchange(interchange));
        continue;
      }
      await store.importInterchange(interchange);
      const votes = [
        ...step.blocks.map((b) => ({ ...b, vote: { ...block(Number(b.slot)), signingRoot: rootOf(b) } })),
        ...step.attestations.map((a) => ({
          ...a,
          vote: { ...vote(Number(a.source_epoch), Number(a.target_epoch)), signingRoot: rootOf(a) },
        })),
      ];
      for (const [j, v] of votes.entries()) {
        const [verdict] = await store.admit([{ pubkey: v.pubkey as GroupKey, vote: v.vote }], never);
        const where = `step ${i}, vote ${j}: ${answer(verdict)}`;
        if (verdict?.admitted === true) assert.ok(v.should_succeed_complete, where);
        else assert.ok(!v.should_succeed, where);
      }
    }
  } finally {
    await maker.close(store);
  }
  // A vote without a root in the vector is one of which nothing is known; ours always have one, so give it its own.
  function rootOf(v: VectorVote): Uint8Array {
    return v.signing_root === undefined ? root(0xee) : bytes(v.signing_root);
  }
}
