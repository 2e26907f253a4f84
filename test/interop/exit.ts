import assert from "node:assert/strict";
import { join } from "node:path";
import { toHex } from "../../src/base/index.ts";
import { readKeystores } from "../../src/cluster/index.ts";
import { domainAt, readChainSpec, signingRoot, ssz } from "../../src/spec/index.ts";
import type { MixedCluster, MixedNode } from "./mixed-cluster.ts";

/**
 * Has every operator with a validator client leave its signature of one validator's exit at its node, as a client's exit
 * command does. Some clients have such a command for their own protocol only, so the keys are used here.
 *
 * @param epoch - The same for all of them: exits of different epochs are different messages.
 * @returns The validator's index.
 */
export async function submitExit(cluster: MixedCluster, epoch: number): Promise<number> {
  const signers = cluster.nodes.filter(({ client }) => client !== undefined);
  const indices = await Promise.all(signers.map((node) => leaveExit(cluster, node, epoch)));
  const [index] = indices;
  assert.ok(index !== undefined && indices.every((one) => one === index), "all mean the same validator");
  return index;
}

async function leaveExit(cluster: MixedCluster, node: MixedNode, epoch: number): Promise<number> {
  const get = async (path: string): Promise<never> =>
    ((await (await fetch(node.validatorApi + path)).json()) as { data: never }).data;
  const chain = readChainSpec(await get("/eth/v1/config/spec"), await get("/eth/v1/beacon/genesis"));
  const shares = await readKeystores(join(node.home, "validator_keys"));
  const secret = shares[0]?.secret;
  assert.ok(secret !== undefined);
  const found: { readonly index: string } = await get(
    `/eth/v1/beacon/states/head/validators/${toHex(secret.publicKey())}`,
  );
  const message = { epoch, validatorIndex: Number(found.index) };
  const root = signingRoot(ssz.phase0.VoluntaryExit.hashTreeRoot(message), domainAt(chain, "exit", epoch));
  const answer = await fetch(`${node.validatorApi}/eth/v1/beacon/pool/voluntary_exits`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(ssz.phase0.SignedVoluntaryExit.toJson({ message, signature: secret.sign(root) })),
  });
  assert.equal(answer.status, 200, `${node.process.name}: ${await answer.text()}`);
  assert.ok(cluster.chain.url !== undefined);
  return message.validatorIndex;
}

/** What the chain says of a validator. */
export async function statusOf(cluster: MixedCluster, index: number): Promise<string> {
  const answer = await fetch(`${cluster.chain.url}/eth/v1/beacon/states/head/validators/${index}`);
  return ((await answer.json()) as { data: { status: string } }).data.status;
}
