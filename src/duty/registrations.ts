import { explain, fromHex, type Hex, toHex } from "../base/index.ts";
import { sleepUntil } from "../ports/index.ts";
import {
  type bellatrix,
  domainAt,
  dutyName,
  type Epoch,
  firstSlotOf,
  type GroupKey,
  signingRoot,
  slotStart,
  ssz,
} from "../spec/index.ts";
import type { DutyContext } from "./context.ts";
import type { DutyRecord } from "./duty-record.ts";
import { LIMITS } from "./limits.ts";
import { retry } from "./retry.ts";

export type Registration = bellatrix.SignedValidatorRegistrationV1;

/**
 * What builders are told of our validators: whom to pay, and how large blocks may be. The ceremony signed it with the
 * group key; it is told anew every epoch, since builders and relays forget. A newer one that a threshold of operators
 * signed takes its place.
 */
export class Registrations {
  readonly #context: DutyContext;
  readonly #current = new Map<GroupKey, Registration>();
  #verified: Promise<void> | undefined;

  constructor(context: DutyContext) {
    this.#context = context;
    for (const { groupKey, builderRegistration } of context.cluster.validators) {
      if (builderRegistration === undefined) continue;
      const { feeRecipient, gasLimit, timestamp, signature } = builderRegistration;
      const pubkey = fromHex(groupKey, 48);
      const message = { feeRecipient: fromHex(feeRecipient, 20), gasLimit, timestamp, pubkey };
      this.#current.set(groupKey, { message, signature });
    }
  }

  of(groupKey: GroupKey): Registration | undefined {
    return this.#current.get(groupKey);
  }

  /** Whom a validator's registration pays. */
  feeRecipientOf(groupKey: GroupKey): Hex | undefined {
    const message = this.of(groupKey)?.message;
    return message && toHex(message.feeRecipient);
  }

  /** Takes a registration with a verified group signature. */
  adopt(groupKey: GroupKey, registration: Registration): void {
    const old = this.#current.get(groupKey);
    if (old !== undefined && old.message.timestamp >= registration.message.timestamp) return;
    this.#current.set(groupKey, registration);
  }

  /**
   * Tells the beacon node, some at a time, until it has taken all or the signal fires.
   *
   * @param groupKeys - Those that the chain knows; builders refuse a list with others in it.
   */
  async tell(record: DutyRecord, groupKeys: readonly GroupKey[], signal: AbortSignal): Promise<void> {
    const { beacon, clock, log } = this.#context;
    this.#verified ??= this.#dropWrong();
    await this.#verified;
    const registrations = groupKeys.flatMap((key) => this.#current.get(key) ?? []);
    for (let done = 0; done < registrations.length; done += LIMITS.registrationsPerRequest) {
      const some = registrations.slice(done, done + LIMITS.registrationsPerRequest);
      const onFailure = (error: unknown, attempts: number): void => {
        record.blame("broadcast-failed");
        if (attempts === 1)
          log.warn("Builder registrations not taken, trying again", {
            duty: dutyName(record.id),
            why: explain(error),
          });
      };
      const pauseMaxMs = this.#context.chain.slotMs;
      await retry(clock, signal, () => beacon.registerValidators(some, signal), onFailure, pauseMaxMs);
    }
    record.broadcast(groupKeys);
    record.note("broadcast", { validators: registrations.length });
  }

  /** A lock may be used although it does not verify; what goes out is verified all the same (S3). */
  async #dropWrong(): Promise<void> {
    const { bls, chain, log } = this.#context;
    const all = [...this.#current];
    const domain = domainAt(chain, "applicationBuilder", 0);
    const right = await bls.verify(
      all.map(([, { message, signature }]) => ({
        publicKey: message.pubkey,
        root: signingRoot(ssz.bellatrix.ValidatorRegistrationV1.hashTreeRoot(message), domain),
        signature,
      })),
    );
    const wrong = all.filter(
      ([key, registration], i) => right[i] !== true && this.#current.get(key) === registration,
    );
    for (const [groupKey] of wrong) this.#current.delete(groupKey);
    if (wrong.length > 0)
      log.warn("Builder registrations of the cluster lock are not signed by their validators", {
        validators: wrong.length,
      });
  }
}

/** Waits until the first slot of an epoch, when beacon nodes have most to do, is nearly over. */
export async function quietMoment(
  { clock, chain }: DutyContext,
  epoch: Epoch,
  signal: AbortSignal,
): Promise<void> {
  const nearlyOver = slotStart(chain, firstSlotOf(chain, epoch)) + Math.floor(0.75 * chain.slotMs);
  await sleepUntil(clock, nearlyOver, signal);
}
