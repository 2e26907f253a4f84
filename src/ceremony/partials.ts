import { toHex } from "../base/index.ts";
import type { Transport } from "../ports/index.ts";
import { type OperatorIndex, shareIndexOf } from "../spec/index.ts";
import { others } from "./broadcast.ts";
import { lied } from "./errors.ts";
import { MESSAGE_LIMITS } from "./limits.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Post } from "./post.ts";
import { PartialSignatures } from "./wire.ts";

const PARTIALS_PROTOCOL = "/charon/parsigex/2.0.0";
/** Charon names the purpose of a signature by a slot of this kind of duty. */
const SIGNATURE_DUTY = 3;
const SIGNATURE_BYTES = 96;

/** What partial signatures are for, as Charon numbers it. */
export const purposes = {
  lockHash: 101,
  registration: 102,
  /** @param i - Place of the amount among the distinct ones, ascending. */
  deposit: (i: number): number => 200 + i,
} as const;

const mailOf = (purpose: number): string => `partials/${purpose}`;

/** Partial signatures of one operator, one for each validator, in the ceremony's order; 96 bytes each. */
export type Partials = readonly Uint8Array[];

export interface PartialExchangeNeeds {
  readonly transport: Transport;
  readonly post: Post;
  readonly mailbox: Mailbox;
  /** How many different deposits each validator has. */
  readonly depositAmounts: number;
}

/** Exchanges partial signatures: every operator sends all of its own for one purpose in one message. */
export class PartialExchange {
  readonly #needs: PartialExchangeNeeds;

  /** Registers the protocol; call before the network starts. */
  constructor(needs: PartialExchangeNeeds) {
    this.#needs = needs;
    needs.transport.handle(PARTIALS_PROTOCOL, MESSAGE_LIMITS, async (from, bytes) => {
      await needs.mailbox.deliver(from, mailOf(readPurpose(from, bytes, needs.depositAmounts)), bytes);
      return undefined;
    });
  }

  /**
   * Sends ours and settles with everyone's, by operator.
   *
   * @param groupKeys - 48 bytes each; `own` in the same order.
   * @throws CeremonyError `ceremony/lied` - a peer's message is not one signature for each of these validators.
   */
  async exchange(
    purpose: number,
    groupKeys: readonly Uint8Array[],
    own: Partials,
    signal: AbortSignal,
  ): Promise<readonly Partials[]> {
    const { transport, post } = this.#needs;
    const names = groupKeys.map(toHex);
    const message = writePartials(purpose, names, own, transport.self);
    post.keep(mailOf(purpose), message);
    for (const to of others(transport)) post.send(to, PARTIALS_PROTOCOL, message, signal);
    return await Promise.all(
      Array.from({ length: transport.operatorCount }, async (_, i) => {
        const operator = i as OperatorIndex;
        if (operator === transport.self) return own;
        return readPartials(operator, names, await post.receive(operator, mailOf(purpose), signal));
      }),
    );
  }
}

function writePartials(
  purpose: number,
  names: readonly string[],
  signatures: Partials,
  self: OperatorIndex,
): Uint8Array {
  const set = new Map(
    names.map((name, i) => {
      const signature = signatures[i] as Uint8Array;
      const data = Buffer.from(JSON.stringify(Buffer.from(signature).toString("base64")));
      return [name, { data: new Uint8Array(data), signature, shareIdx: shareIndexOf(self) }];
    }),
  );
  return PartialSignatures.encode({ duty: { slot: purpose, type: SIGNATURE_DUTY }, dataSet: { set } });
}

/** @throws when it is no message of this exchange */
function readPurpose(from: OperatorIndex, bytes: Uint8Array, depositAmounts: number): number {
  const { duty, dataSet } = PartialSignatures.decode(bytes);
  if (duty === undefined || dataSet === undefined || duty.type !== SIGNATURE_DUTY)
    throw new Error("no partial signatures of a ceremony");
  const { slot } = duty;
  const isDeposit = slot >= purposes.deposit(0) && slot < purposes.deposit(depositAmounts);
  if (slot !== purposes.lockHash && slot !== purposes.registration && !isDeposit)
    throw new Error("partial signatures for an unknown purpose");
  for (const entry of dataSet.set.values())
    if (entry?.shareIdx !== shareIndexOf(from))
      throw new Error("a partial signature in another operator's name");
  return slot;
}

/** Signatures in the order of `names`; for each name one, and no more. Not verified. */
function readPartials(from: OperatorIndex, names: readonly string[], bytes: Uint8Array): Partials {
  const set = PartialSignatures.decode(bytes).dataSet?.set ?? new Map();
  if (set.size !== names.length)
    throw lied(from, `has sent ${set.size} partial signatures for ${names.length} validators`);
  return names.map((name) => {
    const entry = set.get(name);
    if (entry === undefined) throw lied(from, `has sent no partial signature for validator ${name}`);
    const signature = readSignature(entry.data);
    if (signature === undefined)
      throw lied(from, `has sent something else than a signature for validator ${name}`);
    return signature;
  });
}

/** A signature is sent as JSON text of base64. */
function readSignature(data: Uint8Array): Uint8Array | undefined {
  const text = /^"([A-Za-z0-9+/]{128})"$/.exec(Buffer.from(data).toString("latin1"))?.[1];
  if (text === undefined) return undefined;
  const signature = new Uint8Array(Buffer.from(text, "base64"));
  return signature.length === SIGNATURE_BYTES ? signature : undefined;
}
