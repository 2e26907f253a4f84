import { equalBytes, type SeededRandom, seededRandom } from "../src/base/index.ts";
import {
  bytesToScalar,
  CURVE_ORDER,
  encryptTo,
  modOrder,
  PairingCurve,
  randomScalar,
  SecretKey,
  scalarToBytes,
} from "../src/crypto/index.ts";
import {
  type Answer,
  type DealBundle,
  type Dealing,
  deal,
  dealtDigest,
  digestOfDeals,
  digestOfResponses,
  findTwoFaces,
  isLie,
  judgeResponses,
  type KeyOfValidator,
  keyFrom,
  type Lie,
  type OpenedDeals,
  openDeals,
  type PedersenNode,
  type PedersenSelf,
  type PedersenSession,
  type PedersenTools,
  respond,
  sessionId,
  signedBy,
} from "../src/dkg/index.ts";
import { type OperatorIndex, shareIndexOf } from "../src/spec/index.ts";
import {
  type DkgRun,
  type End,
  entropyOf,
  flip,
  identity,
  outsideSubgroup,
  toySignatures,
} from "./dkg-world.ts";

const tools: PedersenTools = { curve: await PairingCurve.load(), signatures: toySignatures };

/** What an operator announces when it has its key. */
interface Announcement {
  readonly publicShare: Uint8Array;
  readonly dealt: Uint8Array;
  /** What it shows when it is asked what it was dealt. */
  readonly shown: readonly DealBundle[];
}

/** What a cheater has to work with. */
interface Scene {
  readonly random: SeededRandom;
  readonly session: PedersenSession;
  readonly cheater: PedersenNode;
  readonly key: SecretKey;
  readonly dealing: Dealing;
  readonly honest: readonly PedersenNode[];
  /** One of the honest. */
  readonly victim: PedersenNode;
  readonly deals: ReadonlyMap<OperatorIndex, DealBundle>;
}

/** What a cheater sends in place of what it should. */
interface Cheat {
  readonly deal?: (scene: Scene) => (honest: DealBundle, to: PedersenNode) => DealBundle;
  readonly answer?: (scene: Scene) => (honest: Answer, to: PedersenNode) => Answer;
  readonly announce?: (scene: Scene) => (honest: Announcement, to: PedersenNode) => Announcement;
}

const signDeals = ({ key }: Scene, bundle: DealBundle): DealBundle => ({
  ...bundle,
  signature: toySignatures.sign(key, digestOfDeals(bundle)),
});
const signAnswer = ({ key }: Scene, answer: Answer): Answer => ({
  ...answer,
  signature: toySignatures.sign(key, digestOfResponses(answer)),
});
/** Changes what everybody is dealt, and signs it. */
const dealing = (change: (scene: Scene, honest: DealBundle) => Partial<DealBundle>): Cheat => ({
  deal: (scene) => {
    let made: DealBundle | undefined;
    return (honest) => (made ??= signDeals(scene, { ...honest, ...change(scene, honest) }));
  },
});
/** Deals one victim another plain text. */
const sharing = (plain: (share: Uint8Array, scene: Scene) => Uint8Array): Cheat =>
  encrypting((scene) => {
    const share = plain(scene.dealing.shareFor(scene.victim), scene);
    const ephemeral = SecretKey.fromScalar(randomScalar(entropyOf(`cheat ${scene.random.next()}`)));
    return encryptTo(tools.curve, scene.victim.publicKey, share, ephemeral);
  });
/** Deals one victim another cipher text. */
function encrypting(cipher: (scene: Scene, honest: Uint8Array) => Uint8Array): Cheat {
  return dealing((scene, { deals }) => ({
    deals: deals.map((one) =>
      one.shareIndex === scene.victim.index
        ? { ...one, encryptedShare: cipher(scene, one.encryptedShare) }
        : one,
    ),
  }));
}
const committing = (point: (scene: Scene) => Uint8Array): Cheat =>
  dealing((scene, honest) => {
    const at = scene.random.integer(honest.public.length);
    return { public: honest.public.map((one, k) => (k === at ? point(scene) : one)) };
  });
const answering = (change: (scene: Scene, honest: Answer) => Partial<Answer>): Cheat => ({
  answer: (scene) => (honest) => signAnswer(scene, { ...honest, ...change(scene, honest) }),
});
/** Complains about an honest dealer, with evidence made by the rules and then changed. */
const complaining = (
  change: (evidence: Answer["evidence"][number], scene: Scene) => Answer["evidence"][number],
): Cheat =>
  answering((scene, honest) => {
    const refused: OpenedDeals = {
      polynomials: new Map(),
      shares: new Map(),
      refused: new Set([scene.victim.operator]),
    };
    const self = { operator: scene.cheater.operator, key: scene.key };
    const entropy = entropyOf("complaint");
    const { responses, evidence } = respond(scene.session, self, tools, refused, scene.deals, entropy);
    return { ...honest, responses, evidence: evidence.map((one) => change(one, scene)) };
  });
/** A bundle of the cheater that is good, and another one than it has dealt. */
const otherDeal = ({ session, cheater, key }: Scene, id: Uint8Array = session.id): DealBundle =>
  deal({ ...session, id }, { operator: cheater.operator, key }, tools, entropyOf("another")).bundle;

/** Everything that somebody can send wrong. Each must be seen, and put down to its author, by every honest operator. */
export const pedersenCheats: Readonly<Record<string, Cheat>> = {
  "a bad share": sharing((share) => scalarToBytes(modOrder(bytesToScalar(share) + 1n))),
  "a share of another operator": sharing((_, { dealing: { shareFor }, cheater }) => shareFor(cheater)),
  "a share of zero": sharing(() => new Uint8Array(32)),
  "a share that is too large": sharing((share) =>
    scalarToBytes((bytesToScalar(share) + CURVE_ORDER) % (1n << 256n)),
  ),
  "a share of another length": sharing((share) => share.subarray(1)),
  "an empty share": sharing(() => new Uint8Array(0)),
  "a share that does not open": encrypting(({ random }, honest) =>
    Buffer.concat([honest.subarray(0, 48), flip(honest.subarray(48), random)]),
  ),
  "a share encrypted to the identity": encrypting((_, honest) =>
    Buffer.concat([identity, honest.subarray(48)]),
  ),
  "a share encrypted outside the subgroup": encrypting((_, honest) =>
    Buffer.concat([outsideSubgroup, honest.subarray(48)]),
  ),
  "no share for somebody": dealing(({ victim }, { deals }) => ({
    deals: deals.filter(({ shareIndex }) => shareIndex !== victim.index),
  })),
  "two shares for somebody": dealing((_, { deals }) => ({ deals: [...deals, deals[0] as never] })),
  "a share for nobody": dealing((_, { deals }) => ({
    deals: deals.map((one, i) => (i === 0 ? { ...one, shareIndex: 77 } : one)),
  })),
  "the identity": committing(() => identity),
  "a point outside the subgroup": committing(() => outsideSubgroup),
  "rubbish for a point": committing(() => new Uint8Array(48).fill(255)),
  "a commitment to something else": committing(() => SecretKey.fromScalar(5n).publicKey()),
  "a polynomial of lower degree": dealing((_, honest) => ({ public: honest.public.slice(1) })),
  "a polynomial of higher degree": dealing((_, honest) => ({
    public: [...honest.public, honest.public[0] as Uint8Array],
  })),
  "nothing committed": dealing(() => ({ public: [] })),
  "another dealer's number": dealing(({ victim }) => ({ dealerIndex: victim.index })),
  "a number of nobody": dealing(() => ({ dealerIndex: 77 })),
  "another session's name": dealing(({ session }) => ({ sessionId: session.id.toReversed() })),
  "a deal of an earlier session": {
    deal: (scene) => () => otherDeal(scene, scene.session.id.toReversed()),
  },
  "another dealer's deal": {
    deal:
      ({ victim, deals }) =>
      () =>
        deals.get(victim.operator) as DealBundle,
  },
  "another dealer's deal under its own number": dealing(({ victim, cheater, deals }) => {
    const theirs = deals.get(victim.operator) as DealBundle;
    const others = theirs.deals.filter(({ shareIndex }) => shareIndex !== cheater.index);
    const own = {
      shareIndex: victim.index,
      encryptedShare: (theirs.deals[0] as never as { encryptedShare: Uint8Array }).encryptedShare,
    };
    return { ...theirs, dealerIndex: cheater.index, deals: [...others, own] };
  }),
  "a deal that is not signed": {
    deal: () => (honest) => ({ ...honest, signature: new Uint8Array(96) }),
  },
  "a deal with another's signature": {
    deal:
      ({ victim, deals }) =>
      (honest) => ({ ...honest, signature: (deals.get(victim.operator) as DealBundle).signature }),
  },
  "one deal to one and another to another": {
    deal: (scene) => (honest, to) => (to === scene.victim ? otherDeal(scene) : honest),
  },
  "a bad deal to one, and not signed": {
    deal: (scene) => {
      const bad = sharing(() => new Uint8Array(32)).deal?.(scene);
      return (honest, to) =>
        to === scene.victim ? { ...(bad?.(honest, to) as DealBundle), signature: honest.signature } : honest;
    },
  },
  "another deal to one, and not signed": {
    deal: (scene) => (honest, to) =>
      to === scene.victim ? { ...otherDeal(scene), signature: honest.signature } : honest,
  },
  "two deals, one of them bad": {
    deal: (scene) => {
      const bad = sharing(() => new Uint8Array(32)).deal?.(scene);
      return (honest, to) => (to === scene.victim ? (bad?.(honest, to) as DealBundle) : honest);
    },
  },
  "a complaint about a good share": complaining((evidence) => evidence),
  "a complaint that proves nothing": complaining((evidence, { random }) => ({
    ...evidence,
    response: flip(evidence.response, random),
  })),
  "a complaint with another point": complaining((evidence, { victim }) => ({
    ...evidence,
    shared: victim.publicKey,
  })),
  "a complaint with a point that is none": complaining((evidence) => ({ ...evidence, shared: identity })),
  "a complaint about a deal that was not made": complaining((evidence, { cheater }) => ({
    ...evidence,
    deal: {
      ...evidence.deal,
      deals: evidence.deal.deals.map((one) =>
        one.shareIndex === cheater.index
          ? { ...one, encryptedShare: one.encryptedShare.with(60, 1 + (one.encryptedShare[60] as number)) }
          : one,
      ),
    },
  })),
  "a complaint about itself": answering(({ cheater }, { responses }) => ({
    responses: responses.map((one) => (one.dealerIndex === cheater.index ? { ...one, status: false } : one)),
  })),
  "a response under another's number": answering(({ victim }) => ({ shareIndex: victim.index })),
  "a response of another session": answering(({ session }) => ({ sessionId: session.id.toReversed() })),
  "two responses about one dealer": answering((_, { responses }) => ({
    responses: [...responses, responses[0] as never],
  })),
  "a response about nobody": answering((_, { responses }) => ({
    responses: [...responses, { dealerIndex: 77, status: true }],
  })),
  "a response that is not signed": {
    answer: () => (honest) => ({ ...honest, signature: honest.signature.toReversed() }),
  },
  "another public share": {
    announce: () => (honest) => ({ ...honest, publicShare: SecretKey.fromScalar(9n).publicKey() }),
  },
  "no public share": { announce: () => (honest) => ({ ...honest, publicShare: new Uint8Array(0) }) },
  "a claim that somebody dealt it something else": {
    announce: () => (honest) => ({ ...honest, dealt: honest.dealt.toReversed() }),
  },
  "a claim with a deal that nobody signed": {
    announce:
      ({ victim }) =>
      (honest) => ({
        ...honest,
        dealt: honest.dealt.toReversed(),
        shown: honest.shown.map((bundle) =>
          bundle.dealerIndex === victim.index ? { ...bundle, deals: [] } : bundle,
        ),
      }),
  },
};

/** An operator on its way; it stops where it finds a lie. */
interface Operator {
  readonly node: PedersenNode;
  readonly self: PedersenSelf;
  readonly dealing: Dealing;
  readonly entropy: (bytes: number) => Uint8Array;
}

export function runPedersen(seed: number, cheatName?: string): DkgRun {
  const random = seededRandom(seed);
  const operatorCount = 3 + random.integer(3);
  const threshold = 2 + random.integer(operatorCount - 1);
  const secrets = Array.from({ length: operatorCount }, (_, i) =>
    SecretKey.fromScalar(randomScalar(entropyOf(`seed ${seed} node ${i}`))),
  );
  const nodes = secrets.map((key, index): PedersenNode => {
    return { operator: index as OperatorIndex, index, publicKey: key.publicKey() };
  });
  const session = { id: sessionId(nodes, seed), dealers: nodes, receivers: nodes, threshold };
  const operators = nodes.map((node, i): Operator => {
    const self = { operator: node.operator, key: secrets[i] as SecretKey };
    const entropy = entropyOf(`seed ${seed} validator of ${i}`);
    return { node, self, dealing: deal(session, self, tools, entropy), entropy };
  });
  const deals = new Map(operators.map(({ node, dealing: { bundle } }) => [node.operator, bundle]));
  const cheat = cheatName === undefined ? undefined : (pedersenCheats[cheatName] as Cheat);
  const cheater = cheat === undefined ? undefined : random.pick(operators);
  const honest = operators.filter((one) => one !== cheater);
  const scene =
    cheater === undefined
      ? undefined
      : {
          random,
          session,
          cheater: cheater.node,
          key: cheater.self.key,
          dealing: cheater.dealing,
          honest: honest.map(({ node }) => node),
          victim: random.pick(honest).node,
          deals,
        };
  /** What `to` gets of everybody, once the cheater has had its way. */
  const sent = <T>(
    all: ReadonlyMap<OperatorIndex, T>,
    to: PedersenNode,
    change?: (it: T, to: PedersenNode) => T,
  ) =>
    new Map(
      [...all].map(([from, message]) => [
        from,
        from === cheater?.node.operator && change !== undefined ? change(message, to) : message,
      ]),
    );

  const ends = new Map<OperatorIndex, End>();
  const going = (): readonly Operator[] => honest.filter(({ node }) => !ends.has(node.operator));
  const orEnd = <T extends object>(one: Operator, result: T | Lie): T | undefined => {
    if (!isLie(result)) return result;
    ends.set(one.node.operator, { lie: result });
    return undefined;
  };

  const changeDeal = scene === undefined ? undefined : cheat?.deal?.(scene);
  const dealt = new Map(operators.map(({ node }) => [node.operator, sent(deals, node, changeDeal)]));
  const dealtTo = ({ node }: Operator): Map<OperatorIndex, DealBundle> =>
    dealt.get(node.operator) as Map<OperatorIndex, DealBundle>;
  const opened = new Map<OperatorIndex, OpenedDeals>();
  const answers = new Map<OperatorIndex, Answer>();
  for (const one of operators) {
    const mine = openDeals(session, one.self, tools, one === cheater ? deals : dealtTo(one), one.dealing);
    const good = one === cheater ? (mine as OpenedDeals) : orEnd(one, mine);
    if (good === undefined) continue;
    // Who complains of what was not signed would have nothing to show.
    if (good.refused.size > 0 && !areSigned(one, dealtTo(one), digestOfDeals)) continue;
    opened.set(one.node.operator, good);
    answers.set(one.node.operator, respond(session, one.self, tools, good, dealtTo(one), one.entropy));
  }

  const changeAnswer = scene === undefined ? undefined : cheat?.answer?.(scene);
  const keys = new Map<OperatorIndex, KeyOfValidator>();
  for (const one of going()) {
    const got = sent(answers, one.node, changeAnswer);
    if (got.size < operatorCount) {
      tell(one);
      continue;
    }
    const complaints = orEnd(one, judgeResponses(session, tools, dealtTo(one), got));
    if (complaints === undefined) continue;
    if (complaints.length > 0) throw new Error("only a kyber complains without evidence");
    if (!areSigned(one, dealtTo(one), digestOfDeals) || !areSigned(one, got, digestOfResponses)) continue;
    keys.set(one.node.operator, keyFrom(session, opened.get(one.node.operator) as OpenedDeals));
  }

  announce();
  return {
    threshold,
    cheater: cheater?.node.operator,
    ends,
    constants: [...deals.values()].map((bundle) => bundle.public[0] as Uint8Array),
  };

  /** Ends an operator to whom something came that its author has not signed. */
  function areSigned<T extends { readonly signature: Uint8Array }>(
    one: Operator,
    bundles: ReadonlyMap<OperatorIndex, T>,
    digestOf: (bundle: T) => Uint8Array,
  ): boolean {
    const batch = toySignatures.batch();
    for (const node of nodes) {
      const bundle = bundles.get(node.operator) as T;
      batch.add(signedBy(node, digestOf(bundle), bundle));
    }
    const [wrong] = batch.wrong();
    if (wrong === undefined) return true;
    const liar = shareIndexOf(wrong as OperatorIndex);
    ends.set(one.node.operator, { lie: { liar, what: "has not signed what it sent" } });
    return false;
  }

  /** An operator that has ended the ceremony tells the others why, and they end it too. */
  function tell(one: Operator): void {
    const [lie] = [...ends.values()].flatMap((end) => (end.lie === undefined ? [] : [end.lie]));
    if (lie === undefined) throw new Error("nothing came, and nobody says why");
    ends.set(one.node.operator, { lie: { liar: lie.liar, what: `is said to have lied: ${lie.what}` } });
  }

  function announce(): void {
    const announcements = new Map(
      operators.flatMap((one): [OperatorIndex, Announcement][] => {
        const { operator, index } = one.node;
        const own = one === cheater ? opened.get(operator) : undefined;
        const key = keys.get(operator) ?? (own === undefined ? undefined : keyFrom(session, own));
        if (key === undefined) return [];
        const mine = one === cheater ? deals : dealtTo(one);
        const publicShare = key.publicShares[index] as Uint8Array;
        return [[operator, { publicShare, dealt: dealtDigest(session, mine), shown: [...mine.values()] }]];
      }),
    );
    const change = scene === undefined ? undefined : cheat?.announce?.(scene);
    for (const one of going()) {
      const key = keys.get(one.node.operator) as KeyOfValidator;
      const mine = dealtDigest(session, dealtTo(one));
      const got = sent(announcements, one.node, change);
      if (got.size < operatorCount) {
        tell(one);
        continue;
      }
      // What the others were told differently comes to light before anybody's share is judged by it.
      for (const [from, { dealt: theirs, shown }] of got)
        if (!ends.has(one.node.operator) && !equalBytes(theirs, mine))
          ends.set(one.node.operator, {
            lie: findTwoFaces(session, tools, dealtTo(one), shown) ?? {
              liar: shareIndexOf(from),
              what: "says that it was dealt something else, and cannot show it",
            },
          });
      for (const [from, { publicShare }] of got)
        if (!ends.has(one.node.operator) && !equalBytes(publicShare, key.publicShares[from] as Uint8Array))
          ends.set(one.node.operator, {
            lie: { liar: shareIndexOf(from), what: "announced a public share that does not follow" },
          });
      if (!ends.has(one.node.operator)) ends.set(one.node.operator, { key });
    }
  }
}
