import { equalBytes } from "../base/index.ts";
import { isPublicKey, PairingCurve, randomScalar, SecretKey } from "../crypto/index.ts";
import {
  BUNDLE_DOMAIN,
  type KeyOfValidator,
  type PedersenNode,
  type PedersenSession,
  sessionId,
} from "../dkg/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type BroadcastKind, others } from "./broadcast.ts";
import { BundleSignatures } from "./bundle-signatures.ts";
import { lied } from "./errors.ts";
import type { KeyMaker, KeyMakerNeeds, KeyMaking } from "./key-makers.ts";
import { readFrom } from "./lies.ts";
import { KEYS_IN_FLIGHT } from "./limits.ts";
import type { MadeKey } from "./make-keys.ts";
import { PedersenInbox } from "./pedersen-inbox.ts";
import { PedersenValidator, type PedersenValidatorNeeds } from "./pedersen-validator.ts";
import { seededEntropy } from "./seeded-entropy.ts";
import { NodePubKeyMessage } from "./wire.ts";

const nodeKeys: BroadcastKind = {
  id: "/charon/dkg/pedersen/1.0.0/node_pubkeys",
  type: "NodePubKeyMessage",
};

export function pedersenKeys(needs: KeyMakerNeeds): KeyMaker {
  const inbox = new PedersenInbox(needs);
  return { broadcasts: [nodeKeys], make: (making) => makeKeys(needs, inbox, making) };
}

/** Charon makes one validator after the other; among Triremes several are in the making at once. */
async function makeKeys(
  needs: KeyMakerNeeds,
  inbox: PedersenInbox,
  making: KeyMaking,
): Promise<readonly MadeKey[]> {
  const { definition, transport, post } = needs;
  const key = SecretKey.fromScalar(randomScalar(making.entropy));
  // Drawn at once, so that it does not matter in which order validators are made.
  const seeds = Array.from({ length: definition.numValidators }, () => making.entropy(32));
  const curve = await PairingCurve.load();
  const waiting = AbortSignal.any([making.signal, inbox.lie]);
  const nodes = await exchangeNodeKeys(needs, making, key.publicKey(), waiting);
  const sessions = seeds.map((_, i): PedersenSession => {
    const id = sessionId(nodes, i);
    return { id, dealers: nodes, receivers: nodes, threshold: definition.threshold };
  });
  inbox.expect(sessions.map(({ id }) => id));

  const tools = { curve, signatures: curve.signatures(BUNDLE_DOMAIN) };
  const self = { operator: transport.self, key };
  const signatures = new BundleSignatures(tools.signatures, waiting);
  const one: PedersenValidatorNeeds = { ...needs, tools, self, signatures, sending: making.signal, waiting };
  const keys: KeyOfValidator[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < sessions.length) {
      const i = next++;
      const entropy = seededEntropy(seeds[i] as Uint8Array, "validator");
      keys[i] = await new PedersenValidator(one, sessions[i] as PedersenSession, i, entropy).make();
      making.onKey();
    }
  };
  const isCharonThere = others(transport).some((operator) => !post.isTrireme(operator));
  await Promise.all(Array.from({ length: isCharonThere ? 1 : KEYS_IN_FLIGHT }, lane));
  return keys.map(({ groupKey, publicShares, secret }) => ({ groupKey, publicShares, share: secret }));
}

/** Every operator's key of this ceremony, by which it signs and shares are encrypted to it. */
async function exchangeNodeKeys(
  { definition: { definitionHash }, transport }: KeyMakerNeeds,
  { broadcast, signal }: KeyMaking,
  own: Uint8Array,
  waiting: AbortSignal,
): Promise<readonly PedersenNode[]> {
  const message = { sessionId: definitionHash, publicKey: own, shares: undefined };
  await broadcast.send(nodeKeys, NodePubKeyMessage.encode(message), signal);
  const keyOf = async (_: unknown, index: number): Promise<PedersenNode> => {
    const operator = index as OperatorIndex;
    if (operator === transport.self) return { operator, index, publicKey: own };
    const bytes = await broadcast.receive(operator, nodeKeys, waiting);
    const theirs = readFrom(operator, () => NodePubKeyMessage.decode(bytes));
    if (!equalBytes(theirs.sessionId, definitionHash))
      throw lied(operator, "has sent its key of another ceremony");
    if (!isPublicKey(theirs.publicKey)) throw lied(operator, "has sent something that is no key");
    if (equalBytes(theirs.publicKey, own)) throw lied(operator, "has sent our own key as its own");
    return { operator, index, publicKey: theirs.publicKey };
  };
  return await Promise.all(Array.from({ length: transport.operatorCount }, keyOf));
}
