import { BeaconError } from "./errors.ts";

/** Where a beacon node is, with what it takes to get in kept apart from what may be shown. */
export interface Address {
  /** Host and path, without credentials: fit for logs and metrics. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The URL of a path of the API, e.g. "/eth/v1/node/version?a=b". */
  urlOf(path: string): string;
}

/** Providers put API keys into the path; a segment this long without a dot is taken for one. */
const KEY_LENGTH_MIN = 16;

/**
 * @param text - An http or https URL; may carry a user name and password, a path, and a query that is sent with every request.
 * @throws BeaconError `beacon/bad-endpoint`, which does not repeat the text.
 */
export function readAddress(text: string): Address {
  const url = URL.parse(text.trim());
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new BeaconError("beacon/bad-endpoint", "read the address of a beacon node", {
      facts: { wanted: "an http or https URL" },
      hint: "Write it like http://127.0.0.1:5052 in --beacon-node-endpoints.",
    });
  }
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
