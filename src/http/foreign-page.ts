import type { IncomingMessage } from "node:http";
import { isOwnHost } from "./host-rule.ts";
import { refusal } from "./router.ts";

/**
 * The answer to what a stranger's web page sends through the browser of somebody who can reach this port; nothing for what
 * a program sends. Browsers set these headers themselves, so no page can leave them out or forge them. docs/adr/0200.
 *
 * @param options.tls - The certificate is for our name, and a browser takes it for no other: the Host says nothing more.
 */
export function answerToForeignPage(
  { headers, socket }: IncomingMessage,
  options: { readonly tls: boolean },
): Response | undefined {
  const { host, origin, "sec-fetch-site": site } = headers;
  if (!options.tls && !isOwnHost(host, socket.localAddress))
    return refusal(
      421,
      "not served under this name; ask for 127.0.0.1, or have the proxy send Host: localhost",
    );
  const isOwnOrigin = origin === undefined || URL.parse(origin)?.host === host?.toLowerCase();
  const isOwnSite = site === undefined || site === "same-origin" || site === "none";
  return isOwnOrigin && isOwnSite ? undefined : refusal(403, "not served to web pages");
}
