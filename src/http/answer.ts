/** A JSON answer with its length, so that nobody has to wait for the connection to end. */
export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const bytes = Buffer.from(JSON.stringify(body));
  return new Response(bytes, {
    status,
    headers: { "content-type": "application/json", "content-length": String(bytes.length), ...headers },
  });
}

/** A binary answer. */
export function octets(bytes: Uint8Array, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(new Uint8Array(bytes), {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(bytes.length),
      ...headers,
    },
  });
}

const SSZ = "application/octet-stream";
const JSON_RANGES = ["application/json", "application/*", "*/*"];

/** Whether the client would rather have SSZ than JSON, by its Accept header. */
export function acceptsSsz(request: Request): boolean {
  const weights = weightsOf(request);
  const binary = weights.get(SSZ) ?? 0;
  return binary > 0 && binary >= (weights.get("application/json") ?? 0);
}

/**
 * Whether the client takes SSZ and no JSON. Who names neither is taken to read JSON, whatever he says.
 *
 * @spec beacon-APIs beacon-node-oapi.yaml, description: 406 for an answer that cannot be given in an accepted format
 */
export function acceptsOnlySsz(request: Request): boolean {
  const weights = weightsOf(request);
  return (weights.get(SSZ) ?? 0) > 0 && JSON_RANGES.every((range) => (weights.get(range) ?? 0) === 0);
}

/** What the Accept header names, and how much it is liked. */
function weightsOf(request: Request): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const part of (request.headers.get("accept") ?? "*/*").split(",")) {
    const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    weights.set(type, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  return weights;
}
