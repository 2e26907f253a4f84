import { AssertionFailed } from "../base/index.ts";
import { json } from "./answer.ts";
import { RequestRefused } from "./read.ts";

/** One request on its way through a route, with what the API's routes work with. */
export type Call<C> = C & {
  readonly request: Request;
  readonly url: URL;
  /** What stands at the places of the route's path that begin with ":". */
  readonly params: Readonly<Record<string, string>>;
};

export interface Route<C> {
  readonly method: "GET" | "POST" | "DELETE" | "PUT";
  /** A segment that begins with ":" takes any text. */
  readonly path: string;
  readonly run: (call: Call<C>) => Response | Promise<Response>;
}

export interface Router<C> {
  /** The route of a path and what its variable segments are; `otherMethod` when the path exists for another method. */
  find(
    method: string,
    path: string,
  ): {
    readonly route?: Route<C>;
    readonly params: Readonly<Record<string, string>>;
    readonly otherMethod: boolean;
  };
  /** Answers one request. Whatever goes wrong has its `{ code, message }`; only a bug of ours rejects. */
  dispatch(request: Request, context: C): Promise<Response>;
}

/** @param options.otherwise - Takes what no route takes, in place of a 404 and a 405. */
export function createRouter<C>(
  routes: readonly Route<C>[],
  options: { readonly server: string; readonly otherwise?: Route<C>["run"] },
): Router<C> {
  const compiled = routes.map((route) => ({ route, segments: route.path.split("/") }));

  const find: Router<C>["find"] = (method, path) => {
    const parts = path.split("/");
    let otherMethod = false;
    for (const { route, segments } of compiled) {
      const params = match(segments, parts);
      if (params === undefined) continue;
      if (route.method === method) return { route, params, otherMethod };
      otherMethod = true;
    }
    return { params: {}, otherMethod };
  };

  return {
    find,
    async dispatch(request, context) {
      try {
        const url = plainUrl(request.url);
        const path = url.pathname;
        const { route, params, otherMethod } = find(request.method, path);
        if (route !== undefined) return await route.run({ ...context, request, url, params });
        if (options.otherwise !== undefined)
          return await options.otherwise({ ...context, request, url, params });
        return otherMethod
          ? refusal(405, `${request.method} is not supported for ${path.slice(0, 120)}`)
          : refusal(404, `this ${options.server} has no ${path.slice(0, 120)}`);
      } catch (error) {
        if (error instanceof RequestRefused) return refusal(error.status, error.message, error.failures);
        if (error instanceof AssertionFailed) throw error;
        return refusal(500, error instanceof Error ? error.message.slice(0, 300) : "internal error");
      }
    },
  };
}

/** What stands at a variable segment. */
export function param(call: { readonly params: Readonly<Record<string, string>> }, name: string): string {
  return call.params[name] ?? "";
}

function match(segments: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [place, segment] of segments.entries()) {
    const part = parts[place] as string;
    if (segment.startsWith(":")) {
      if (part === "") return undefined;
      params[segment.slice(1)] = part;
    } else if (segment !== part) return undefined;
  }
  return params;
}

/**
 * The URL with the one spelling of its path that routes, limits and whoever the request is passed on to read alike. Nothing
 * in a path of these APIs needs an encoding, and a second spelling would pass by the rules for the first.
 *
 * @throws RequestRefused 400
 */
function plainUrl(text: string): URL {
  const url = new URL(text);
  if (/%|\/\//.test(url.pathname))
    throw new RequestRefused(
      400,
      "the path is not written plainly: it has a percent sign or an empty segment",
    );
  if (url.pathname !== "/") url.pathname = url.pathname.replace(/\/$/, "");
  return url;
}

/** An error as the beacon API writes it. */
export function refusal(status: number, message: string, failures?: RequestRefused["failures"]): Response {
  return json(status, { code: status, message, ...(failures === undefined ? {} : { failures }) });
}
