import { type Listening, readAddress, serve } from "../http/index.ts";
import type { ValidatorApi } from "./api.ts";
import { SERVER_LIMITS } from "./limits.ts";

export interface ListenOptions {
  /** "host:port"; port 0 takes a free one. */
  readonly address: string;
  /** PEM files; plain HTTP without. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
}

/** Puts the API on its port. @throws HttpError */
export function listen(api: ValidatorApi, { address, tls }: ListenOptions): Promise<Listening> {
  return serve((request, from) => api.handle(request, from), {
    ...readAddress(address),
    ...(tls === undefined ? {} : { tls }),
    onlyPrograms: true,
    limits: SERVER_LIMITS,
  });
}
