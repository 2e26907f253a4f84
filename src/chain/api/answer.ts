import { FORK_NAME } from "../chain-spec.ts";
import { badRequest } from "./call.ts";

/** `{ data }` with what the API puts beside it. */
export function answer(data: unknown, beside: Readonly<Record<string, unknown>> = {}): Response {
  return json(200, { ...beside, data });
}

/** An answer about a state or block. */
export function answerOf(
  about: { readonly finalized: boolean; readonly versioned?: boolean },
  data: unknown,
): Response {
  return json(
    200,
    {
      ...(about.versioned === true ? { version: FORK_NAME } : {}),
      execution_optimistic: false,
      finalized: about.finalized,
      data,
    },
    about.versioned === true ? { "eth-consensus-version": FORK_NAME } : {},
  );
}

export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export function ssz(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(new Uint8Array(bytes), {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "eth-consensus-version": FORK_NAME,
      ...headers,
    },
  });
}

/** 200 without a body. */
export function done(): Response {
  return new Response(null, { status: 200 });
}

/** Whether the client would rather have SSZ than JSON, by its Accept header. */
export function wantsSsz(request: Request): boolean {
  const weights = new Map<string, number>();
  for (const part of (request.headers.get("accept") ?? "*/*").split(",")) {
    const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    weights.set(type, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const binary = weights.get("application/octet-stream") ?? 0;
  return binary > 0 && binary >= (weights.get("application/json") ?? 0);
}

/** Forks whose containers have the form that this chain speaks. */
const POST_ELECTRA = new Set(["electra", FORK_NAME]);

/** Checks the Eth-Consensus-Version header, which the API requires where a body depends on the fork. */
export function checkVersion(request: Request): void {
  const version = request.headers.get("eth-consensus-version")?.toLowerCase();
  if (version === undefined) throw badRequest("header Eth-Consensus-Version is missing");
  if (!POST_ELECTRA.has(version))
    throw badRequest(
      `header Eth-Consensus-Version is ${version.slice(0, 20)}, and this chain is at ${FORK_NAME}`,
    );
}
