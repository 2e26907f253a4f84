import { hash } from "node:crypto";
import { concatBytes, Places } from "../base/index.ts";
import type { BlsWork, Clock, Sender } from "../ports/index.ts";
import { type GroupKey, operatorOf, type UnixMs } from "../spec/index.ts";
import { LIMITS } from "./limits.ts";
import type { Partial } from "./partial-store.ts";

/** A signature, and what it should be. */
type Claim = Parameters<BlsWork["verify"]>[0][number];

/** A partial signature as one of the share that it says. */
export function claimOf(
  { publicShares }: { readonly publicShares: ReadonlyMap<GroupKey, readonly Uint8Array[]> },
  { groupKey, share, root, signature }: Partial,
): Claim {
  const publicKey = publicShares.get(groupKey)?.[operatorOf(share)] ?? new Uint8Array(48);
  return { publicKey, root, signature };
}

/** Why a signature that came was neither taken nor found wrong. */
export const NOT_JUDGED = "too many signatures came at the same time from this address, or the client left";

/** What is said of a claim: undefined when it was not judged. */
type JudgedAs = boolean | undefined;

/** The claims of one request. */
interface Case {
  readonly from: Sender;
  /** Those still to be judged, and their places in the answer. */
  readonly open: (readonly [place: number, claim: Claim])[];
  readonly answer: JudgedAs[];
  over: boolean;
  /** Gives the answer. */
  readonly end: (bug?: unknown) => void;
}

/**
 * Judges signatures that anybody may send who reaches the validator API, in such turns that whoever sends floods of wrong ones
 * holds up himself, and the cluster's own work is never behind more than one piece.
 *
 * - Who signed well over the same connection before goes first, and by the piece.
 * - Of the others every address has its turn, and every request of an address. One signature is judged at a time: when it is
 *   right it shows that whoever sent it holds our shares.
 * - When wrong ones come too often, those who have not signed well rest. One that is remembered costs nothing.
 */
export class Judge {
  readonly #bls: Pick<BlsWork, "verify">;
  readonly #clock: Clock;
  readonly #known = new AddressTurns();
  readonly #strangers = new AddressTurns();
  /** Whose latest signature was right. */
  readonly #trusted = new WeakSet<Sender>();
  readonly #places = new Places(LIMITS.judgedWaitingMax);
  /** The oldest first. */
  readonly #wrong = new Set<string>();
  /** When the next wrong signature is due, if they come no oftener than they may. */
  #wrongDueAt: UnixMs = 0;
  #judging = false;
  #cancelRest: () => void = () => {};

  constructor({ bls, clock }: { readonly bls: Pick<BlsWork, "verify">; readonly clock: Clock }) {
    this.#bls = bls;
    this.#clock = clock;
  }

  /**
   * Which signatures are right. Those that were not judged have no verdict: the signal fired before, or too many waited and most of
   * them were of this address. Rejects only with bugs of ours.
   */
  verify(claims: readonly Claim[], from: Sender, signal: AbortSignal): Promise<readonly JudgedAs[]> {
    const answer = claims.map((claim): JudgedAs => (this.#isRemembered(claim) ? false : undefined));
    const open = [...claims.entries()].filter(([place]) => answer[place] === undefined);
    if (open.length === 0 || signal.aborted) return Promise.resolve(answer);
    return new Promise((resolve, reject) => {
      let giveBack = (): void => {};
      const leave = (): void => one.end();
      const one: Case = {
        from,
        open,
        answer,
        over: false,
        end: (bug) => {
          one.over = true;
          giveBack();
          signal.removeEventListener("abort", leave);
          for (const waiting of [this.#known, this.#strangers]) waiting.delete(one);
          if (bug === undefined) resolve(answer);
          else reject(bug);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#queue(one);
      giveBack = this.#places.take(from.address, open.length, leave);
      void this.#go();
    });
  }

  #queue(one: Case): void {
    (this.#trusted.has(one.from) ? this.#known : this.#strangers).add(one);
  }

  /** Judges piece by piece, as long as there is something to judge. */
  async #go(): Promise<void> {
    if (this.#judging) return;
    this.#judging = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) await this.#judge(next);
    this.#judging = false;
  }

  #next(): Case | undefined {
    const known = this.#known.take();
    if (known !== undefined) return known;
    const now = this.#clock.now();
    // A clock that is set back makes nobody wait for the time to come round again.
    this.#wrongDueAt = Math.min(this.#wrongDueAt, now + 2 * LIMITS.wrongAheadMs);
    const restsUntil = this.#wrongDueAt - LIMITS.wrongAheadMs;
    if (restsUntil <= now) return this.#strangers.take();
    this.#cancelRest();
    this.#cancelRest = this.#clock.at(restsUntil, () => void this.#go());
    return undefined;
  }

  async #judge(one: Case): Promise<void> {
    const { from, open, answer } = one;
    const piece = open.splice(0, this.#trusted.has(from) ? LIMITS.judgedPerPiece : 1);
    try {
      const verdicts = await this.#bls.verify(piece.map(([, claim]) => claim));
      for (const [i, [place, claim]] of piece.entries()) {
        answer[place] = verdicts[i] === true;
        if (!answer[place]) this.#remember(claim);
      }
      if (piece.some(([place]) => !answer[place])) this.#trusted.delete(from);
      else this.#trusted.add(from);
    } catch (error) {
      return one.end(error);
    }
    if (one.over) return;
    if (open.length === 0) one.end();
    else this.#queue(one);
  }

  #isRemembered(claim: Claim): boolean {
    return this.#wrong.size > 0 && this.#wrong.has(nameOf(claim));
  }

  #remember(claim: Claim): void {
    this.#wrongDueAt = Math.max(this.#wrongDueAt, this.#clock.now()) + LIMITS.wrongEveryMs;
    this.#wrong.add(nameOf(claim));
    const [oldest] = this.#wrong;
    if (this.#wrong.size > LIMITS.wrongRemembered && oldest !== undefined) this.#wrong.delete(oldest);
  }
}

function nameOf({ publicKey, root, signature }: Claim): string {
  return hash("sha256", concatBytes(publicKey, root, signature), "base64");
}

/** Cases that wait, each address in turn and each case of an address in turn. */
class AddressTurns {
  readonly #byAddress = new Map<string, Set<Case>>();

  add(one: Case): void {
    const { address } = one.from;
    const others = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, others.add(one));
  }

  delete(one: Case): void {
    const { address } = one.from;
    const others = this.#byAddress.get(address);
    others?.delete(one);
    if (others?.size === 0) this.#byAddress.delete(address);
  }

  /** Whose turn it is, and is no longer waiting. */
  take(): Case | undefined {
    const [first] = this.#byAddress;
    const [one] = first?.[1] ?? [];
    if (first === undefined || one === undefined) return undefined;
    const [address, cases] = first;
    this.delete(one);
    // The others of the address come behind the other addresses.
    if (this.#byAddress.delete(address)) this.#byAddress.set(address, cases);
    return one;
  }
}
