import { type HttpAddress, readBounded } from "../base/index.ts";
import { ExecutionError } from "./errors.ts";
import { type ExecutionLimits, REASON_LENGTH_MAX } from "./limits.ts";

/** The bounds of a call, and what ends it early: it then throws the signal's reason. */
export type CallLimits = ExecutionLimits & { readonly signal: AbortSignal };

/** One call of one method of an execution node's JSON-RPC, within bounds of time and size. */
export async function callMethod(
  address: HttpAddress,
  method: string,
  params: readonly unknown[],
  limits: CallLimits,
): Promise<unknown> {
  const { status, body } = await post(address, method, { jsonrpc: "2.0", id: 1, method, params }, limits);
  const facts = { node: address.name, method };
  const { result, error } = readAnswer(body);
  if (error !== undefined)
    throw new ExecutionError("execution/refused", "ask the execution client", {
      facts: { ...facts, errorCode: error.code, reason: quote(error.message) },
    });
  if (result !== undefined) return result;
  const reason = `HTTP ${status}: ${quote(body)}`;
  if (status >= 500)
    throw new ExecutionError("execution/unavailable", "ask the execution client", {
      facts: { ...facts, reason },
    });
  if (status >= 400)
    throw new ExecutionError("execution/refused", "ask the execution client", {
      facts: { ...facts, reason },
      hint: "Name its JSON-RPC port (8545 unless it was told otherwise), not the engine's (8551), in --execution-client-rpc-endpoint.",
    });
  throw badAnswer(facts, quote(body));
}

/** What came is not what was asked. */
export const badAnswer = (
  facts: { readonly node: string; readonly method: string },
  found: string,
): ExecutionError =>
  new ExecutionError("execution/bad-answer", "read the answer of the execution client", {
    facts: { ...facts, found },
    hint: "Is --execution-client-rpc-endpoint the JSON-RPC address of an execution client?",
  });

async function post(
  address: HttpAddress,
  method: string,
  request: unknown,
  limits: CallLimits,
): Promise<{ readonly status: number; readonly body: string }> {
  try {
    const answer = await fetch(address.urlOf(""), {
      method: "POST",
      headers: { "content-type": "application/json", ...address.headers },
      body: JSON.stringify(request),
      redirect: "manual", // A key in the address goes to nobody else.
      signal: AbortSignal.any([limits.signal, AbortSignal.timeout(limits.callTimeoutMs)]),
    });
    const body = answer.body === null ? [] : await readBounded(answer.body, limits.answerBytesMax);
    return { status: answer.status, body: Buffer.from(body).toString("utf8") };
  } catch (cause) {
    limits.signal.throwIfAborted();
    throw new ExecutionError("execution/unavailable", "ask the execution client", {
      cause,
      facts: { node: address.name, method },
      hint: "Start the execution client, or correct --execution-client-rpc-endpoint; --no-verify goes on at your own risk.",
    });
  }
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

function readAnswer(body: string): Answer {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return {};
  }
  const { result, error } = (typeof json === "object" && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  if (typeof error !== "object" || error === null) return { result };
  const { code, message } = error as Record<string, unknown>;
  return { error: { code: typeof code === "number" ? code : 0, message: String(message) } };
}

/** A node's own words, fit for a terminal. */
const quote = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, REASON_LENGTH_MAX);
