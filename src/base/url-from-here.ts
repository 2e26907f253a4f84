/** Where a server listens. */
interface Where {
  readonly host: string;
  readonly port: number;
}

/**
 * The URL under which this machine reaches a server of its own, without a path. One on all addresses (0.0.0.0, ::, however their
 * zeros are written) is reached by the loopback one: of IPv4, which such a server has in both cases, where IPv6 may be turned off.
 */
export function urlFromHere({ host, port }: Where, scheme: "http" | "https" = "http"): string {
  return urlOf({ host: /^[0:.]+$/.test(host) ? "127.0.0.1" : host, port }, scheme);
}

/** The URL of a server as it was told to listen, all addresses included. */
export function urlOf({ host, port }: Where, scheme: "http" | "https" = "http"): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
