import { badRequest, json, octets } from "../../http/index.ts";
import { FORK_NAME } from "../chain-spec.ts";

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

export function ssz(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Response {
  return octets(bytes, { "eth-consensus-version": FORK_NAME, ...headers });
}

/** 200 without a body. */
export function done(): Response {
  return new Response(null, { status: 200 });
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
