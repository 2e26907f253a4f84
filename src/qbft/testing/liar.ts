import type { SeededRandom } from "../../base/index.ts";
import type { MessageKind, QbftConfig, QbftMessage } from "../index.ts";

const OVERHEARD_MAX = 300;
const KINDS: readonly MessageKind[] = ["pre-prepare", "prepare", "commit", "round-change", "decided"];

/**
 * How an operator lies. "wild": in every way, as the dice fall. "boasts": it votes like everybody else, for whatever is proposed,
 * and whenever a round is over it claims to have prepared a value of its own in it.
 */
export type Manner = "wild" | "boasts";

/**
 * An operator that lies as well as it can: it tells every second peer another value, claims in its votes to have prepared
 * something, and makes up messages with justifications from whatever others have really signed, as often as it likes, and
 * from its own false statements. It cannot sign for others, as in real life. It hears everything that anybody sends, even
 * what the network loses.
 */
export class Liar {
  readonly #config: QbftConfig;
  readonly #random: SeededRandom;
  /** Of its own, so that what is drawn of claims changes nothing else of a world. */
  readonly #claims: SeededRandom;
  readonly #manner: Manner;
  #overheard: QbftMessage[] = [];
  #latestRound = 1;

  constructor(config: QbftConfig, random: SeededRandom, manner: Manner) {
    this.#config = config;
    this.#random = random;
    this.#claims = random.fork("claims");
    this.#manner = manner;
  }

  overhear(message: QbftMessage): void {
    for (const part of [message, ...message.justification]) {
      this.#overheard.push({ ...part, justification: [] });
      if (part.source !== this.#config.self) this.#latestRound = Math.max(this.#latestRound, part.round);
    }
    if (this.#overheard.length > OVERHEARD_MAX) this.#overheard = this.#overheard.slice(-OVERHEARD_MAX);
  }

  /** The same message for some peers, another value with the same justification for the others; claims are forgotten. */
  twist(message: QbftMessage, to: number): QbftMessage {
    if (this.#manner === "boasts")
      return message.kind === "round-change" ? this.#roundChange(message.round) : message;
    if (message.kind === "round-change" && this.#random.chance(0.5))
      return { ...message, preparedRound: 0, preparedValue: "", justification: [] };
    if (message.value === "" || message.kind === "decided") return message;
    if (to % 2 === 0) return this.#claims.chance(0.1) ? this.#claiming(message) : message;
    return { ...message, value: this.#twin(message.value) };
  }

  /** With a claim that nothing proves: who believes it leaves a value that may have been decided. */
  #roundChange(round: number): QbftMessage {
    const plain = { source: this.#config.self, preparedRound: 0, preparedValue: "", justification: [] };
    const [preparedRound, preparedValue] = [round - 1, `another of ${this.#config.self}`];
    const own: QbftMessage = { ...plain, kind: "prepare", round: preparedRound, value: preparedValue };
    return {
      ...own,
      kind: "round-change",
      round,
      value: "",
      preparedRound,
      preparedValue,
      justification: [own],
    };
  }

  /** A vote with a claim that no vote makes, which must neither count nor spoil what others prove. */
  #claiming(vote: QbftMessage): QbftMessage {
    return { ...vote, preparedRound: vote.round, preparedValue: `another of ${this.#config.self}` };
  }

  #twin(value: string): string {
    const [plain = value] = value.replace(/^bad /, "").split(", or another");
    return this.#random.chance(0.5) ? `${plain}, or another` : `bad ${plain}`;
  }

  /**
   * What it says when it hears something: votes twice for whatever is proposed, and for another value; answers a round change
   * with a claim of its own, or, when the round is its own to lead, with a proposal that suits it.
   */
  react({ kind, round, value }: QbftMessage): readonly QbftMessage[] {
    const { self, leader } = this.#config;
    const say = (kind: MessageKind, more: Partial<QbftMessage> = {}): QbftMessage => ({
      kind,
      source: self,
      round,
      value: "",
      preparedRound: 0,
      preparedValue: "",
      justification: [],
      ...more,
    });
    if (this.#manner === "boasts") {
      if (kind === "round-change") return [this.#roundChange(round)];
      return kind === "pre-prepare" ? [say("prepare", { value }), say("commit", { value })] : [];
    }
    if (this.#random.chance(0.5)) return [];
    if (kind === "pre-prepare" || kind === "prepare" || kind === "commit") {
      const voted = this.#random.chance(0.8) ? value : this.#twin(value);
      const commit = say("commit", { value: voted });
      return kind === "commit" ? [commit, commit] : [say("prepare", { value: voted }), commit, commit];
    }
    if (kind !== "round-change") return [];
    if (leader(round) === self) {
      const changes = this.#overheard.filter((part) => part.kind === "round-change" && part.round === round);
      const justification = [...changes, say("round-change")].slice(-2 * this.#config.operatorCount);
      return [say("pre-prepare", { value: this.#value(), justification })];
    }
    const preparedRound = this.#random.chance(0.7) ? round - 1 : 0;
    const preparedValue = preparedRound === 0 ? "" : `another of ${self}`;
    const justification = this.#justify("round-change", preparedRound, preparedValue);
    return [say("round-change", { preparedRound, preparedValue, justification })];
  }

  /** Something made up, signed by itself. */
  forge(): QbftMessage {
    const kind = this.#random.pick(KINDS);
    const round = this.#round();
    const value = kind === "round-change" ? "" : this.#value();
    const preparedRound = kind === "round-change" ? this.#random.integer(round) : 0;
    const preparedValue = preparedRound === 0 ? "" : this.#value();
    return {
      kind,
      source: this.#config.self,
      round,
      value,
      preparedRound,
      preparedValue,
      justification: this.#justify(
        kind,
        kind === "round-change" ? preparedRound : round,
        value || preparedValue,
      ),
    };
  }

  /** Mostly one that somebody is in; sometimes far away; rounds that we lead, so that a proposal is in turn. */
  #round(): number {
    if (this.#random.chance(0.1)) return 1 + this.#random.integer(1_000);
    const around = Math.max(1, this.#latestRound - 1 + this.#random.integer(3));
    if (this.#random.chance(0.5)) return around;
    for (let round = around; round < around + this.#config.operatorCount; round++)
      if (this.#config.leader(round) === this.#config.self) return round;
    return around;
  }

  #value(): string {
    const heard = this.#overheard.map(({ value }) => value).filter((value) => value !== "");
    const value = heard.length === 0 ? "value of 0" : this.#random.pick(heard);
    return this.#random.chance(0.5) ? value : this.#twin(value);
  }

  /** What would prove such a message, as far as it was really said; and statements of our own in place of the rest. */
  #justify(kind: MessageKind, round: number, value: string): readonly QbftMessage[] {
    const wanted = kind === "decided" ? "commit" : kind === "round-change" ? "prepare" : "round-change";
    const real = this.#overheard.filter(
      (part) =>
        part.kind === wanted &&
        (this.#random.chance(0.1) || (part.round === round && (part.value === value || part.value === ""))),
    );
    const prepares =
      kind === "pre-prepare" && this.#random.chance(0.5)
        ? this.#overheard.filter((part) => part.kind === "prepare" && part.value === value)
        : [];
    const own: QbftMessage = {
      kind: wanted,
      source: this.#config.self,
      round,
      value: wanted === "round-change" ? "" : value,
      preparedRound: 0,
      preparedValue: "",
      justification: [],
    };
    const lie = wanted !== "round-change" && this.#claims.chance(0.1) ? this.#claiming(own) : own;
    const copies = Array.from({ length: this.#random.integer(this.#config.operatorCount) }, () => lie);
    return [...real, ...prepares, ...copies].slice(0, 2 * this.#config.operatorCount);
  }
}
