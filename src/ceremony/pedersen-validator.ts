import { setImmediate as nextTurn } from "node:timers/promises";
import { equalBytes, toHex } from "../base/index.ts";
import {
  type Answer,
  type Complaint,
  type DealBundle,
  type Dealing,
  deal,
  dealtDigest,
  digestOfDeals,
  digestOfJustifications,
  digestOfResponses,
  findTwoFaces,
  judgeJustification,
  judgeResponses,
  justify,
  type KeyOfValidator,
  keyFrom,
  type OpenedDeals,
  openDeals,
  type PedersenSelf,
  type PedersenSession,
  type PedersenTools,
  respond,
} from "../dkg/index.ts";
import type { OperatorIndex } from "../spec/index.ts";
import { others } from "./broadcast.ts";
import type { BundleSignatures } from "./bundle-signatures.ts";
import { type CeremonyError, failed, lied } from "./errors.ts";
import type { KeyMakerNeeds } from "./key-makers.ts";
import { orThrow, readFrom } from "./lies.ts";
import { ANSWER_MS } from "./limits.ts";
import { announcementMail, type BundleKind, bundleMail, pedersenProtocol } from "./pedersen-inbox.ts";
import {
  PedersenDealBundle,
  PedersenDealt,
  PedersenJustificationBundle,
  PedersenResponseBundle,
  ValidatorPubKeyShareMessage,
} from "./wire.ts";

const dealtMail = (session: PedersenSession): string => `pedersen/dealt/${toHex(session.id)}`;

export interface PedersenValidatorNeeds extends KeyMakerNeeds {
  readonly tools: PedersenTools;
  readonly self: PedersenSelf;
  readonly signatures: BundleSignatures;
  /** While it lasts, what is ours is sent. */
  readonly sending: AbortSignal;
  /** Ends waiting for others; fires also when one of them was seen to lie. */
  readonly waiting: AbortSignal;
}

/** The making of one validator's key, as one operator does it. */
export class PedersenValidator {
  readonly #needs: PedersenValidatorNeeds;
  readonly #session: PedersenSession;
  /** Its number in the ceremony, from 0. */
  readonly #validator: number;
  readonly #entropy: (bytes: number) => Uint8Array;

  constructor(
    needs: PedersenValidatorNeeds,
    session: PedersenSession,
    validator: number,
    entropy: (bytes: number) => Uint8Array,
  ) {
    this.#needs = needs;
    this.#session = session;
    this.#validator = validator;
    this.#entropy = entropy;
  }

  /** @throws CeremonyError `ceremony/lied`, `ceremony/failed` */
  async make(): Promise<KeyOfValidator> {
    const { self, tools, signatures } = this.#needs;
    const session = this.#session;
    await nextTurn(); // Others get theirs before we compute.
    const dealing = deal(session, self, tools, this.#entropy);
    this.#tell("deal_bundle", PedersenDealBundle.encode(dealing.bundle));
    const theirDeals = await this.#gather("deal_bundle", PedersenDealBundle.decode);
    await signatures.add(session.dealers, this.#validator, theirDeals, digestOfDeals);
    const deals = theirDeals.set(self.operator, dealing.bundle);
    const opened = orThrow(openDeals(session, self, tools, deals, dealing), this.#validator);

    if (opened.refused.size > 0) signatures.check(); // A deal that is not signed proves nothing to others.
    const answer = respond(session, self, tools, opened, deals, this.#entropy);
    this.#tell("resp_bundle", PedersenResponseBundle.encode({ ...answer, evidence: [...answer.evidence] }));
    const theirAnswers = await this.#gather("resp_bundle", readAnswer);
    await signatures.add(session.receivers, this.#validator, theirAnswers, digestOfResponses);
    const answers = theirAnswers.set(self.operator, answer);
    const complaints = orThrow(judgeResponses(session, tools, deals, answers), this.#validator);
    signatures.check(); // So that we can show, signed, what we say we were dealt.
    if (complaints.length > 0) await this.#settle(complaints, opened, dealing);

    const key = keyFrom(session, opened);
    await this.#compare(key, deals);
    return key;
  }

  /** Complaints that nothing backs come from Charon: the dealer shows the share, as kyber has it, and all go on. */
  async #settle(complaints: readonly Complaint[], opened: OpenedDeals, dealing: Dealing): Promise<void> {
    const { definition, log, self, signatures, tools } = this.#needs;
    const session = this.#session;
    const validator = this.#validator;
    for (const [dealer, about] of Map.groupBy(complaints, (complaint) => complaint.dealer)) {
      const accusers = about.map(({ accuser }) => accuser);
      const names = accusers.map(({ operator }) => operator).join(", ");
      log.warn("Operators complain about what an operator has dealt", {
        operator: dealer.operator,
        complaining: names,
        validator,
      });
      if (accusers.length >= definition.threshold)
        throw failed(`operators ${names} refuse what operator ${dealer.operator} has dealt`, {
          operator: dealer.operator,
        });
      if (dealer.operator === self.operator) {
        const bundle = justify(session, self, tools, dealing, accusers);
        this.#tell("just_bundle", PedersenJustificationBundle.encode(bundle));
        continue;
      }
      const bundle = await this.#answerOf(
        dealer.operator,
        bundleMail("just_bundle", session.id),
        PedersenJustificationBundle.decode,
        failed(
          `operator ${dealer.operator} has not answered the complaint of operators ${names}: one of them cheats`,
          { operator: dealer.operator },
        ),
      );
      const lie = judgeJustification(session, opened, dealer, accusers, bundle);
      if (lie !== undefined) orThrow(lie, validator);
      const one = new Map([[dealer.operator, bundle]]);
      await signatures.add(session.dealers, validator, one, digestOfJustifications);
    }
    signatures.check();
  }

  /** Announces our public share, and sees whether everybody has come to the same key. */
  async #compare(key: KeyOfValidator, deals: ReadonlyMap<OperatorIndex, DealBundle>): Promise<void> {
    const { definition, post, sending, transport, waiting } = this.#needs;
    const session = this.#session;
    const validator = this.#validator;
    const { definitionHash } = definition;
    const dealt = dealtDigest(session, deals);
    const message = ValidatorPubKeyShareMessage.encode({
      sessionId: definitionHash,
      publicKeyShare: key.publicShares[transport.self] as Uint8Array,
      validator: validator + 1,
      dealt,
    });
    post.keep(dealtMail(session), () => this.#whatWasDealt());
    post.keep(announcementMail(validator), message);
    for (const to of others(transport)) post.send(to, pedersenProtocol("val_pubkey_share"), message, sending);
    await Promise.all(
      others(transport).map(async (from) => {
        const bytes = await post.receive(from, announcementMail(validator), waiting);
        const theirs = readFrom(from, () => ValidatorPubKeyShareMessage.decode(bytes));
        if (theirs.dealt.length > 0 && !equalBytes(theirs.dealt, dealt)) await this.#confront(from, deals);
        if (equalBytes(theirs.publicKeyShare, key.publicShares[from] as Uint8Array)) return;
        const what = `announced a public share of validator ${validator} that does not follow from the commitments`;
        if (theirs.dealt.length > 0) throw lied(from, what);
        throw failed(`operator ${from} ${what}: a dealer told it something else, or it lies`, {
          operator: from,
        });
      }),
    );
  }

  /** Another Trireme was dealt something else than we: somebody has signed both. @throws CeremonyError `ceremony/lied` */
  async #confront(from: OperatorIndex, deals: ReadonlyMap<OperatorIndex, DealBundle>): Promise<never> {
    const what = `says that it was dealt something else, and does not show it (validator ${this.#validator})`;
    const { bundles } = await this.#answerOf(
      from,
      dealtMail(this.#session),
      PedersenDealt.decode,
      lied(from, what),
    );
    const lie = findTwoFaces(this.#session, this.#needs.tools, deals, bundles);
    if (lie !== undefined) orThrow(lie, this.#validator);
    throw lied(from, what);
  }

  /** What an operator answers when it is challenged. @throws `late` when that takes too long */
  async #answerOf<T>(
    from: OperatorIndex,
    mail: string,
    decode: (bytes: Uint8Array) => T,
    late: CeremonyError,
  ): Promise<T> {
    const { clock, post, waiting } = this.#needs;
    const patience = new AbortController();
    const cancel = clock.at(clock.now() + ANSWER_MS, () => patience.abort(late));
    try {
      const bytes = await post.receive(from, mail, AbortSignal.any([waiting, patience.signal]));
      return readFrom(from, () => decode(bytes));
    } finally {
      cancel();
    }
  }

  /** What we were dealt, for an operator that was dealt something else. */
  #whatWasDealt(): Uint8Array | undefined {
    const { mailbox, transport } = this.#needs;
    const mail = bundleMail("deal_bundle", this.#session.id);
    const bundles = others(transport).map((from) => mailbox.get(from, mail));
    if (bundles.some((bundle) => bundle === undefined)) return undefined;
    return PedersenDealt.encode({
      bundles: bundles.map((bundle) => PedersenDealBundle.decode(bundle as Uint8Array)),
    });
  }

  #tell(kind: BundleKind, message: Uint8Array): void {
    const { post, sending, transport } = this.#needs;
    post.keep(bundleMail(kind, this.#session.id), message);
    for (const to of others(transport)) post.send(to, pedersenProtocol(kind), message, sending);
  }

  /** The bundles of all others. */
  async #gather<T>(kind: BundleKind, decode: (bytes: Uint8Array) => T): Promise<Map<OperatorIndex, T>> {
    const { post, transport, waiting } = this.#needs;
    const entries = others(transport).map(async (from): Promise<[OperatorIndex, T]> => {
      const bytes = await post.receive(from, bundleMail(kind, this.#session.id), waiting);
      return [from, readFrom(from, () => decode(bytes))];
    });
    return new Map(await Promise.all(entries));
  }
}

function readAnswer(bytes: Uint8Array): Answer {
  const answer = PedersenResponseBundle.decode(bytes);
  const evidence = answer.evidence.map(({ deal: dealt, ...rest }) => {
    if (dealt === undefined) throw new TypeError("evidence without a deal");
    return { ...rest, deal: dealt };
  });
  return { ...answer, evidence };
}
