import { DvError, explain, Places, Turns } from "../base/index.ts";
import { acceptsOnlySsz, createRouter, RequestRefused, refusal } from "../http/index.ts";
import {
  type BeaconPassage,
  type ChainEvent,
  type Clock,
  DeskError,
  type DutyDesk,
  type Logger,
  logBug,
  type Meter,
  type Sender,
} from "../ports/index.ts";
import type { ChainSpec, OperatorIndex, UnixMs } from "../spec/index.ts";
import { clientOf } from "./clients.ts";
import { type ApiCall, type ApiContext, type ApiRoute, reasonOf, statusOf } from "./context.ts";
import { Era } from "./era.ts";
import { FixedAnswers } from "./fixed-answers.ts";
import { type ApiValidator, KeyBook } from "./key-book.ts";
import { KnownDuties } from "./known-duties.ts";
import { KnownValidators } from "./known-validators.ts";
import { LINES_MAX, MINUTE_MS, WAITING_MAX } from "./limits.ts";
import { createMetrics, pathLabel } from "./metrics.ts";
import { Passage } from "./passage.ts";
import { aggregateRoutes } from "./routes-aggregates.ts";
import { attestationRoutes } from "./routes-attestations.ts";
import { blockRoutes } from "./routes-blocks.ts";
import { builderRoutes } from "./routes-builder.ts";
import { dutyRoutes } from "./routes-duties.ts";
import { otherRoutes, passOn } from "./routes-others.ts";
import { settingRoutes } from "./routes-settings.ts";
import { syncRoutes } from "./routes-sync.ts";
import { validatorRoutes } from "./routes-validators.ts";

export interface ValidatorApiPorts {
  readonly clock: Clock;
  readonly chain: ChainSpec;
  readonly beacon: BeaconPassage & {
    subscribe(listener: (event: ChainEvent) => void, signal: AbortSignal): void;
  };
  readonly desk: DutyDesk;
  readonly log: Logger;
  readonly meter: Meter;
}

export interface ValidatorApiOptions {
  readonly validators: readonly ApiValidator[];
  readonly self: OperatorIndex;
  /** What clients see as the beacon node's version, e.g. "Trireme/0.1.0". */
  readonly version: string;
}

export interface ValidatorApi {
  /** Answers one request. Never rejects. @param from - Left out, somebody of whom nothing is known. */
  handle(request: Request, from?: Sender): Promise<Response>;
  status(): ValidatorApiStatus;
  /** Ends everything that waits; streams close. */
  close(): void;
}

export interface ValidatorApiStatus {
  /** The kind of client that asked last: "lighthouse", "prysm", …, "unknown"; empty before the first request. */
  readonly client: string;
  readonly lastRequestAt: UnixMs | undefined;
  readonly streams: number;
  readonly waiting: number;
}

/** The whole API as one table. What it does not have goes to the beacon node. */
export const routes: readonly ApiRoute[] = [
  ...dutyRoutes,
  ...validatorRoutes,
  ...attestationRoutes,
  ...blockRoutes,
  ...builderRoutes,
  ...aggregateRoutes,
  ...syncRoutes,
  ...settingRoutes,
  ...otherRoutes,
];

/** The beacon API as this node's validator client sees it: a beacon node whose validators have the client's own keys. */
export function createValidatorApi(ports: ValidatorApiPorts, options: ValidatorApiOptions): ValidatorApi {
  const { clock, chain, beacon, desk } = ports;
  const log = ports.log.room("vapi");
  const metrics = createMetrics(ports.meter);
  const closing = new AbortController();
  const keys = new KeyBook(options.validators, options.self);
  const era = new Era(chain);
  beacon.subscribe((event) => era.onEvent(event), closing.signal);
  const asking = { clock, chain, beacon };
  const validators = new KnownValidators(asking, keys, closing.signal);
  const passage = new Passage({ beacon, keys, clock, closing: closing.signal });
  const turns = new Turns<string>((give) => void setImmediate(give));
  const context: Omit<ApiContext, "from" | "turn"> = {
    ...asking,
    desk,
    log,
    keys,
    cluster: new Map(options.validators.map((validator) => [validator.groupKey, validator])),
    validators,
    duties: new KnownDuties(asking, { keys, validators, era, passage }, closing.signal),
    fixed: new FixedAnswers(asking, closing.signal),
    passage,
    waiting: new Places(WAITING_MAX),
    warnOnce: linesAMinute(1, ports.clock, log),
    warnSome: linesAMinute(LINES_MAX, ports.clock, log),
    version: options.version,
  };
  let client = "";
  let lastRequestAt: UnixMs | undefined;

  const router = createRouter<ApiContext>(
    routes.map((route) => ({ ...route, run: measured(route, route.run) })),
    { server: "validator API", otherwise: measured({ name: "proxy" }, passOn) },
  );

  /** A route with its figures, and with the failures that have a reason made into answers. */
  function measured(
    { name, indexed = false }: Pick<ApiRoute, "name" | "indexed">,
    run: (call: ApiCall) => Response | Promise<Response>,
  ): (call: ApiCall) => Promise<Response> {
    return async (call) => {
      const startedAt = performance.now();
      metrics.received(name, contentKind(call.request));
      const answer = await answered({ name, indexed }, run, call);
      const seconds = (performance.now() - startedAt) / 1_000;
      metrics.took(name, seconds);
      if (name === "proxy") metrics.proxied(pathLabel(call.url.pathname), seconds);
      if (answer.status >= 400) metrics.failed(name, answer.status);
      return answer;
    };
  }

  async function answered(
    { name, indexed }: Required<Pick<ApiRoute, "name" | "indexed">>,
    run: (call: ApiCall) => Response | Promise<Response>,
    call: ApiCall,
  ): Promise<Response> {
    try {
      const answer = await run(call);
      return isOnlyJson(answer) && acceptsOnlySsz(call.request) ? await notAcceptable(answer) : answer;
    } catch (error) {
      const over = call.request.signal.aborted || closing.signal.aborted;
      const refused = asRefused(error) ?? (over ? new RequestRefused(503, "the request is over") : undefined);
      if (refused === undefined) {
        logBug(log, error, { route: name });
        return refusal(500, "internal error; the log of the node says more");
      }
      log.debug("Request of the validator client refused", {
        route: name,
        status: refused.status,
        why: refused.message,
      });
      return refusal(refused.status, refused.message, refused.failures ?? (indexed ? [] : undefined));
    }
  }

  return {
    async handle(request, from = { address: "" }) {
      client = clientOf(request).name;
      lastRequestAt = clock.now();
      metrics.client(client);
      metrics.streams(passage.streams);
      const turn = (): Promise<void> => turns.next(from.address);
      // Whoever sends much to be read is read in turn with the others, and with the node's own work.
      if (request.body !== null) await turn();
      return router.dispatch(request, { ...context, from, turn });
    },
    status: () => ({
      client,
      lastRequestAt,
      streams: passage.streams,
      waiting: context.waiting.taken,
    }),
    close: () => closing.abort(new Error("the validator API is closing")),
  };
}

const isOnlyJson = ({ status, headers }: Response): boolean =>
  status === 200 && headers.get("content-type")?.startsWith("application/json") === true;

/** A client that would read JSON as SSZ would not notice everywhere that it is none. */
async function notAcceptable({ body }: Response): Promise<Response> {
  await body?.cancel();
  return refusal(406, "this is answered in application/json only");
}

/** What is an answer to the client, and not a bug. */
function asRefused(error: unknown): RequestRefused | undefined {
  if (error instanceof RequestRefused) return error;
  if (error instanceof DeskError) return new RequestRefused(statusOf(error, 503), reasonOf(error));
  if (error instanceof DvError) return new RequestRefused(503, explain(error));
  return undefined;
}

function contentKind(request: Request): string {
  const type = request.headers.get("content-type") ?? "";
  if (type === "" || type.includes("json")) return "application/json";
  return type.includes("octet-stream") ? "application/octet-stream" : "other";
}

/** The same sentence comes so often in a minute at most; who sends thousands of wrong requests fills no disk. */
function linesAMinute(linesMax: number, clock: Clock, log: Logger): ApiContext["warnSome"] {
  const said = new Map<string, { since: UnixMs; lines: number }>();
  return (sentence, facts) => {
    const now = clock.now();
    const last = said.get(sentence);
    const isOver = last === undefined || Math.abs(now - last.since) >= MINUTE_MS;
    const current = isOver ? { since: now, lines: 0 } : last;
    said.set(sentence, current);
    current.lines++;
    if (current.lines > linesMax) return;
    const unsaid = isOver && last !== undefined ? last.lines - linesMax : 0;
    log.warn(sentence, unsaid > 0 ? { ...facts, unsaid } : facts);
  };
}
