/** Where a server is, with what it takes to get in kept apart from what may be shown. */
export interface HttpAddress {
  /** Host and path, without credentials: fit for logs and metrics. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The URL of a path of the server, e.g. "/eth/v1/node/version?a=b"; "" for the address itself. */
  urlOf(path: string): string;
}

/** Providers put API keys into the path; a segment this long without a dot is taken for one. */
const KEY_LENGTH_MIN = 16;

/**
 * Reads an http or https URL, which may carry a user name and password, a path, and a query that is sent with every request.
 *
 * @returns undefined when the text is none.
 */
export function readHttpAddress(text: string): HttpAddress | undefined {
  const url = URL.parse(text.trim());
  if (url === null || !["http:", "https:"].includes(url.protocol)) return undefined;
  const path = url.pathname.replace(/\/+$/, "");
  const shown = path
    .split("/")
    .map((part) => (part.length >= KEY_LENGTH_MIN && !part.includes(".") ? "…" : part))
    .join("/");
  return {
    name: url.host + shown,
    headers: basicAuthentication(url),
    urlOf(requestPath) {
      const [own, query] = requestPath.split("?") as [string, string?];
      const queries = [url.search.slice(1), query].filter((one) => one !== undefined && one !== "");
      return `${url.origin}${path}${own}${queries.length === 0 ? "" : `?${queries.join("&")}`}`;
    },
  };
}

function basicAuthentication(url: URL): Readonly<Record<string, string>> {
  if (url.username === "" && url.password === "") return {};
  const pair = `${decoded(url.username)}:${decoded(url.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** A stray percent sign is meant as itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
