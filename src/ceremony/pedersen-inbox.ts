import { equalBytes, toHex } from "../base/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { type CeremonyError, lied } from "./errors.ts";
import type { KeyMakerNeeds } from "./key-makers.ts";
import { MESSAGE_LIMITS } from "./limits.ts";
import {
  PedersenDealBundle,
  PedersenJustificationBundle,
  PedersenResponseBundle,
  ValidatorPubKeyShareMessage,
} from "./wire.ts";

const PREFIX = "/charon/dkg/pedersen/1.0.0";
const bundles = {
  deal_bundle: PedersenDealBundle,
  resp_bundle: PedersenResponseBundle,
  just_bundle: PedersenJustificationBundle,
} as const;
export type BundleKind = keyof typeof bundles;
const ANNOUNCEMENT = "val_pubkey_share";

export const pedersenProtocol = (part: BundleKind | typeof ANNOUNCEMENT): string => `${PREFIX}/${part}`;
/** Under which name a bundle is kept: there is one of a kind in each session. */
export const bundleMail = (kind: BundleKind, session: Uint8Array): string =>
  `pedersen/${kind}/${toHex(session)}`;
/** @param validator - 0-based. */
export const announcementMail = (validator: number): string => `${ANNOUNCEMENT_PREFIX}${validator}`;
const ANNOUNCEMENT_PREFIX = "pedersen/share/";

/** Takes in the messages of a Pedersen key generation, each once, and sees when one cannot be of an honest operator. */
export class PedersenInbox {
  readonly #needs: KeyMakerNeeds;
  readonly #lie = new AbortController();
  /** Sessions that operators have spoken of before the sessions were known. */
  readonly #early = new Map<OperatorIndex, Set<string>>();
  #sessions: ReadonlySet<string> | undefined;

  /** Registers the protocols; call before the network starts. */
  constructor(needs: KeyMakerNeeds) {
    this.#needs = needs;
    for (const kind of Object.keys(bundles) as BundleKind[])
      needs.transport.handle(pedersenProtocol(kind), MESSAGE_LIMITS, async (from, bytes) => {
        await this.#keepBundle(from, kind, bytes);
        return undefined;
      });
    needs.transport.handle(pedersenProtocol(ANNOUNCEMENT), MESSAGE_LIMITS, async (from, bytes) => {
      await this.#keepAnnouncement(from, bytes);
      return undefined;
    });
  }

  /** Fires when a message shows that its author lies; the reason is the `CeremonyError` that says so. */
  get lie(): AbortSignal {
    return this.#lie.signal;
  }

  /** From now on, and for what has come already: a bundle of any other session is a lie. */
  expect(sessions: readonly Uint8Array[]): void {
    this.#sessions = new Set(sessions.map(toHex));
    for (const [from, spoken] of this.#early)
      for (const session of spoken) if (!this.#sessions.has(session)) this.#end(strangeSession(from));
    this.#early.clear();
  }

  async #keepBundle(from: OperatorIndex, kind: BundleKind, bytes: Uint8Array): Promise<void> {
    const { sessionId } = this.#read(from, () => bundles[kind].decode(bytes));
    const session = toHex(sessionId);
    if (this.#sessions === undefined) this.#noteEarly(from, session);
    else this.#checkSession(from, session);
    if ((await this.#needs.mailbox.deliver(from, bundleMail(kind, sessionId), bytes)) === "another")
      this.#end(lied(from, `has sent two different messages ${kind} for one validator`));
  }

  async #keepAnnouncement(from: OperatorIndex, bytes: Uint8Array): Promise<void> {
    const { definition, mailbox } = this.#needs;
    const { sessionId, validator } = this.#read(from, () => ValidatorPubKeyShareMessage.decode(bytes));
    if (!equalBytes(sessionId, definition.definitionHash))
      throw this.#end(lied(from, "has announced a public share of another ceremony"));
    // Charon says them in order, and no further one before all operators have gone on to the next validator.
    const place = validator > 0 ? validator - 1 : mailbox.count(from, ANNOUNCEMENT_PREFIX);
    if (place >= definition.numValidators)
      throw this.#end(lied(from, `has announced a public share of a validator ${place}`));
    if ((await mailbox.deliver(from, announcementMail(place), bytes)) === "another")
      this.#end(lied(from, `has announced two different public shares of validator ${place}`));
  }

  /** There is one session for each validator. @throws CeremonyError `ceremony/lied` */
  #noteEarly(from: OperatorIndex, session: string): void {
    const spoken = this.#early.get(from) ?? new Set();
    this.#early.set(from, spoken.add(session));
    if (spoken.size > this.#needs.definition.numValidators) throw this.#end(strangeSession(from));
  }

  /** @throws CeremonyError `ceremony/lied` - before anything of it is kept */
  #checkSession(from: OperatorIndex, session: string): void {
    if (this.#sessions?.has(session) === false) throw this.#end(strangeSession(from));
  }

  #read<T>(from: OperatorIndex, decode: () => T): T {
    try {
      return decode();
    } catch (cause) {
      throw this.#end(lied(from, "has sent a message that cannot be read", { cause }));
    }
  }

  #end(lie: CeremonyError): CeremonyError {
    if (!this.#lie.signal.aborted) this.#lie.abort(lie);
    return lie;
  }
}

const strangeSession = (from: OperatorIndex): CeremonyError =>
  lied(from, "has sent a message of a session that is none of this ceremony's");
