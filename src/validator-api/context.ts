import type { Places } from "../base/index.ts";
import { type Call, RequestRefused, type Route } from "../http/index.ts";
import {
  type BeaconPassage,
  type Clock,
  DeskError,
  type DutyDesk,
  type Logger,
  type Sender,
  type Submission,
} from "../ports/index.ts";
import type { ChainSpec, Epoch, GroupKey, Slot, UnixMs, ValidatorIndex } from "../spec/index.ts";
import { epochOf, slotAt } from "../spec/index.ts";
import type { FixedAnswers } from "./fixed-answers.ts";
import type { ApiValidator, KeyBook } from "./key-book.ts";
import { short } from "./key-book.ts";
import type { KnownDuties } from "./known-duties.ts";
import type { ClientValidator, KnownValidators } from "./known-validators.ts";
import type { Passage } from "./passage.ts";

/** What the routes work with. */
export interface ApiContext {
  /** Whom the request came from. */
  readonly from: Sender;
  /** Settles when everything else had its time, and others that wait for theirs: to be asked before work of some milliseconds. */
  readonly turn: () => Promise<void>;
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly beacon: BeaconPassage;
  readonly desk: DutyDesk;
  readonly log: Logger;
  readonly keys: KeyBook;
  readonly cluster: ReadonlyMap<GroupKey, ApiValidator>;
  readonly validators: KnownValidators;
  readonly duties: KnownDuties;
  readonly fixed: FixedAnswers;
  readonly passage: Passage;
  /** For what waits for the cluster now. */
  readonly waiting: Places;
  /** Logs a sentence about the client once a minute; the sentence is one of ours. */
  readonly warnOnce: Warn;
  /** The same, a number of times a minute. */
  readonly warnSome: Warn;
  readonly version: string;
}

type Warn = (sentence: string, facts: Readonly<Record<string, string | number>>) => void;

export type ApiCall = Call<ApiContext>;

/** A route with the name that it has in metrics, which is Charon's where it has the route. */
export interface ApiRoute extends Route<ApiContext> {
  readonly name: string;
  /** It takes a list, and a 400 names the items that were refused: none, when the request as a whole was. */
  readonly indexed?: boolean;
}

export const currentSlot = ({ chain, clock }: ApiContext): Slot => Math.max(0, slotAt(chain, clock.now()));
export const currentEpoch = (context: ApiContext): Epoch => epochOf(context.chain, currentSlot(context));

/**
 * Waits for the cluster, but not longer than until `at` and not longer than the client does.
 *
 * @throws RequestRefused 503 when the time is over; what `work` throws.
 */
export async function waitUntil<T>(
  call: ApiCall,
  at: UnixMs,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, request, waiting, from } = call;
  const over = new AbortController();
  const late = (): RequestRefused => new RequestRefused(503, `${what} did not come in time`);
  const leave = (): void => over.abort(new Error("the client has gone"));
  if (at <= clock.now()) throw late();
  const cancel = clock.at(at, () => over.abort(late()));
  request.signal.addEventListener("abort", leave, { once: true });
  if (request.signal.aborted) leave(); // While its share of the randao was judged.
  const giveBack = waiting.take(from.address, 1, () =>
    over.abort(new RequestRefused(503, "too many requests wait for the cluster")),
  );
  try {
    return await work(over.signal);
  } finally {
    giveBack();
    cancel();
    request.signal.removeEventListener("abort", leave);
  }
}

/** The validator of the cluster with this index. @throws RequestRefused 400 */
export async function ownValidator(call: ApiCall, index: ValidatorIndex): Promise<ClientValidator> {
  const found = (await call.validators.get()).byIndex.get(index);
  if (found === undefined)
    throw new RequestRefused(400, `validator ${index} is not one of this cluster's that the chain knows`);
  return found;
}

/** An item of a list that came: what to hand to the desk, or why it cannot be. */
export type Handed = Submission | string;

/**
 * Hands all partial signatures of a request to the desk. Those it refuses are named to the client with their reasons;
 * the others are on their way.
 *
 * @throws RequestRefused 400 or, when only we are to blame, 500; with one entry per refused item.
 */
export async function submitAll(call: ApiCall, items: readonly Handed[]): Promise<Response> {
  const submissions = items.filter((item) => typeof item !== "string");
  const verdicts = await call.desk.submit(submissions, call.request.signal, call.from);
  let next = 0;
  const failures: { readonly index: number; readonly message: string; readonly ours: boolean }[] = [];
  for (const [index, item] of items.entries()) {
    const verdict = typeof item === "string" ? item : verdicts[next++];
    if (verdict === undefined) continue;
    const message = typeof verdict === "string" ? verdict : reasonOf(verdict);
    const ours = verdict instanceof DeskError && OUR_FAULT.has(verdict.code);
    failures.push({ index, message, ours });
  }
  const [first] = failures;
  if (first === undefined) return new Response(null, { status: 200 });
  sayRefused(call, items[first.index], { why: first.message, refused: failures.length, of: items.length });
  const status = failures.every(({ ours }) => ours) ? 500 : 400;
  const text =
    items.length === 1
      ? first.message
      : `${failures.length} of ${items.length} refused; first: ${first.message}`;
  throw new RequestRefused(
    status,
    text,
    failures.map(({ index, message }) => ({ index, message })),
  );
}

/** One line for a request: a client with thousands of wrong keys would write thousands in every slot. */
function sayRefused(
  { warnSome }: ApiCall,
  first: Handed | undefined,
  facts: { readonly why: string; readonly refused: number; readonly of: number },
): void {
  const whose =
    first === undefined || typeof first === "string"
      ? {}
      : { kind: first.kind, slot: first.slot, validator: short(first.groupKey) };
  warnSome("Partial signatures of the validator client refused; the first of them", { ...facts, ...whose });
}

const OUR_FAULT: ReadonlySet<string> = new Set(["duty/unavailable", "duty/not-known-yet"]);

/** What HTTP says of a refusal: ours to mend, nothing there, or `otherwise`. */
export function statusOf({ code }: DeskError, otherwise: number): number {
  if (OUR_FAULT.has(code)) return 503;
  return code === "duty/not-ours" ? 404 : otherwise;
}

/** A reason for an operator: what was done, and what to do. */
export function reasonOf(error: DeskError): string {
  return error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
}
