import { type LookupAddress, type LookupAllOptions, lookup as lookupOfSystem } from "node:dns";
import { Resolver } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { scopeOf } from "./addresses.ts";
import { NAME_TRIES_MAX, NAME_TRY_TIMEOUT_MS } from "./limits.ts";

/** Names that no stranger can have: of one part, or under what belongs to nobody on the public internet (RFC 6761, 6762, 8375). */
const ownNames = /^[^.]+$|\.(localhost|local|internal|lan|home\.arpa)\.?$/i;

/**
 * How names of peers become addresses. The system's way to look one up keeps one of the few threads that files and the names
 * of beacon nodes need as well, for as long as the name's server likes: names that an operator makes up would stop the
 * node's duties. So names that strangers can have are asked for over sockets, and lead to no place on this machine or its link.
 *
 * @param needs.isTrusted - Whether the operator of this node has named it; such a name may stand in the system's own table.
 * @param needs.resolver - Default: asks the servers that the system knows.
 */
export function peerLookup(needs: {
  isTrusted: (name: string) => boolean;
  resolver?: Pick<Resolver, "resolve4" | "resolve6">;
}): LookupFunction {
  const resolver = needs.resolver ?? new Resolver({ timeout: NAME_TRY_TIMEOUT_MS, tries: NAME_TRIES_MAX });
  const ask = async (name: string): Promise<LookupAddress[]> => {
    const found = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    return found.flatMap((one, i) => {
      const family = i === 0 ? 4 : 6;
      const addresses = one.status === "fulfilled" ? one.value : [];
      return addresses
        .filter((address) => leadsElsewhere(address, family))
        .map((address) => ({ address, family }));
    });
  };
  return (name, options, done) => {
    const ofSystem = (): void => lookupOfSystem(name, options as LookupAllOptions, done as never);
    if (ownNames.test(name)) return ofSystem();
    void ask(name).then((all) => {
      const wanted = all.filter(
        ({ family }) => options.family === undefined || [0, family].includes(Number(options.family)),
      );
      const [first] = wanted;
      if (first === undefined && needs.isTrusted(name)) return ofSystem();
      if (first === undefined)
        return done(Object.assign(new Error(`nothing is known of ${name}`), { code: "ENOTFOUND" }), "", 0);
      if (options.all === true) return done(null, wanted);
      return done(null, first.address, first.family);
    });
  };
}

function leadsElsewhere(address: string, family: 4 | 6): boolean {
  return ["public", "private"].includes(scopeOf(`/ip${family}/${address}/tcp/1`));
}
