import { readFileSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../src/base/index.ts";
import { decryptKeystore, parseKeystore, type SecretKey } from "../src/crypto/index.ts";
import { signedCodecs } from "../src/duty/codec/kinds.ts";
import { randaoSigningRoot } from "../src/duty/codec/randao.ts";
import { dutyDue, epochOf, type Root, type Slot, slotStart, subcommitteesOf } from "../src/spec/index.ts";
import type { MixedCluster, MixedNode } from "../test/interop/mixed-cluster.ts";

// Routes whose answer takes the cluster: an agreement of its operators, or a threshold of their clients. The bench plays the
// clients of all operators, so that each node is asked the same at the same moment.
const SLOTS = 4;
/** Into the slot, when the selection proofs of the next one are asked for. */
const SELECTIONS_AT = 0.5;
const NO_SIGNATURE = new Uint8Array(96);

/** By route, and by program: milliseconds of every answer, and how many requests failed. */
export type Waited = ReadonlyMap<
  string,
  ReadonlyMap<string, { readonly ms: readonly number[]; readonly failed: number }>
>;

interface AttesterAnswer {
  readonly validator_index: string;
  readonly slot: string;
}
interface SyncAnswer {
  readonly validator_index: string;
  readonly validator_sync_committee_indices: readonly string[];
}

/** Asks for some slots from `first` on. Times count from the request; a vote's data from the moment when it is due. */
export async function timeWaitingRoutes(
  cluster: MixedCluster,
  validators: number,
  first: Slot,
): Promise<Waited> {
  const { spec } = cluster.chain;
  const waited = new Map<string, Map<string, { ms: number[]; failed: number }>>();
  const shares = new Shares();

  /** One route at all nodes at once. `since` is what the time counts from; the request itself when left out. */
  async function askAll(
    route: string,
    request: (node: MixedNode) => Promise<{ readonly path: string; readonly body?: unknown }>,
    since?: number,
  ): Promise<void> {
    const requests = await Promise.all(
      cluster.nodes.map(async (node) => [node, await request(node)] as const),
    );
    await Promise.all(
      requests.map(async ([node, { path, body }]) => {
        const from = since ?? Date.now();
        const ok = await fetch(`${node.validatorApi}${path}`, posting(body)).then(
          async (answer) => (await answer.arrayBuffer(), answer.ok),
          () => false,
        );
        const byProgram = waited.get(route) ?? new Map<string, { ms: number[]; failed: number }>();
        waited.set(route, byProgram);
        const figures = byProgram.get(node.program) ?? { ms: [], failed: 0 };
        byProgram.set(node.program, figures);
        if (ok) figures.ms.push(Date.now() - from);
        else figures.failed++;
      }),
    );
  }

  const [asked] = cluster.nodes as [MixedNode];
  const indices = Array.from({ length: validators }, (_, i) => String(i));
  const dutiesOf = async <D>(kind: string, epoch: number): Promise<readonly D[]> => {
    const answer = await fetch(`${asked.validatorApi}/eth/v1/validator/duties/${kind}/${epoch}`, {
      ...(kind === "proposer" ? {} : posting(indices)),
    });
    return ((await answer.json()) as { readonly data: readonly D[] }).data;
  };

  for (let slot = first; slot < first + SLOTS; slot++) {
    const next = slot + 1;
    const attesters = await dutiesOf<AttesterAnswer>("attester", epochOf(spec, next));
    const proposers = await dutiesOf<AttesterAnswer>("proposer", epochOf(spec, slot));
    const members = await dutiesOf<SyncAnswer>("sync", epochOf(spec, next));
    await cluster.atSlot(slot);

    const proposer = Number(proposers.find((duty) => Number(duty.slot) === slot)?.validator_index);
    const block = askAll("block", async (node) => {
      const share = await shares.of(node, proposer);
      const randao = toHex(share.sign(randaoSigningRoot(spec, epochOf(spec, slot))));
      return { path: `/eth/v3/validator/blocks/${slot}?randao_reveal=${randao}` };
    });
    const vote = askAll(
      "vote's data",
      () => Promise.resolve({ path: `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0` }),
      dutyDue(spec, { slot, kind: "attester" }),
    );
    await Promise.all([block, vote]);

    const quiet = slotStart(spec, slot) + SELECTIONS_AT * spec.slotMs;
    const bodies = await Promise.all(
      cluster.nodes.map(async (node) => ({
        committee: await Promise.all(
          attesters
            .filter((duty) => Number(duty.slot) === next)
            .map(async ({ validator_index }) => {
              const value = { validatorIndex: Number(validator_index), slot: next };
              const codec = signedCodecs["prepare-aggregator"];
              const root = codec.signingRoot({ ...value, selectionProof: NO_SIGNATURE }, spec) as Root;
              const share = await shares.of(node, value.validatorIndex);
              return {
                validator_index,
                slot: String(next),
                selection_proof: toHex(share.sign(root)),
              };
            }),
        ),
        sync: await Promise.all(
          members.flatMap(({ validator_index, validator_sync_committee_indices }) =>
            // One of each: Charon before 1.11 takes no more.
            subcommitteesOf(validator_sync_committee_indices.map(Number))
              .slice(-1)
              .map(async (subcommitteeIndex) => {
                const value = { validatorIndex: Number(validator_index), slot: next, subcommitteeIndex };
                const codec = signedCodecs["prepare-sync-contribution"];
                const root = codec.signingRoot({ ...value, selectionProof: NO_SIGNATURE }, spec) as Root;
                const share = await shares.of(node, value.validatorIndex);
                return {
                  validator_index,
                  slot: String(next),
                  subcommittee_index: String(subcommitteeIndex),
                  selection_proof: toHex(share.sign(root)),
                };
              }),
          ),
        ),
      })),
    );
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, quiet - Date.now())));
    const bodyOf = (node: MixedNode) => bodies[cluster.nodes.indexOf(node)] as (typeof bodies)[number];
    await askAll(`committee selections`, (node) =>
      Promise.resolve({
        path: "/eth/v1/validator/beacon_committee_selections",
        body: bodyOf(node).committee,
      }),
    );
    await askAll(`sync selections`, (node) =>
      Promise.resolve({ path: "/eth/v1/validator/sync_committee_selections", body: bodyOf(node).sync }),
    );
  }
  return waited;
}

function posting(body: unknown): RequestInit {
  return body === undefined
    ? {}
    : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** Key shares as the operators' folders hold them, opened when they are needed; the chain numbers validators as the lock does. */
class Shares {
  readonly #opened = new Map<string, Promise<SecretKey>>();

  of(node: MixedNode, validator: number): Promise<SecretKey> {
    const path = join(node.home, "validator_keys", `keystore-insecure-${validator}`);
    const opened =
      this.#opened.get(path) ??
      decryptKeystore(
        parseKeystore(readFileSync(`${path}.json`, "utf8")),
        readFileSync(`${path}.txt`, "utf8").trim(),
      );
    this.#opened.set(path, opened);
    return opened;
  }
}
