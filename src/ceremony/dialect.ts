import type { BroadcastVersion } from "./broadcast.ts";

/**
 * The version that all programs of a ceremony say they are: Charon demands that its major and minor numbers are equal. Where
 * a Charon takes part, its version is everybody's; among Triremes it is this one.
 */
export interface Dialect {
  /** "v1.11" */
  readonly minor: string;
  readonly broadcast: BroadcastVersion;
}

export const ownDialect: Dialect = { minor: "v1.11", broadcast: 2 };

/** Older ones end a ceremony in another way. */
const OLDEST_MINOR = 10;
/** From this minor version on, broadcasts are bound to their session; in it, from release candidate 3. */
const BOUND_BROADCAST_MINOR = 11;
const BOUND_BROADCAST_CANDIDATE = 3;

/** What a Charon of this version speaks; undefined when it is too old, or no version. @param version - e.g. "v1.11.0-rc3" */
export function dialectOf(version: string): Dialect | undefined {
  const [, major, minor, candidate] =
    /^v(\d{1,4})\.(\d{1,4})(?:\.\d{1,6})?(?:-rc(\d{1,4})|-[\w.-]{1,40})?$/.exec(version) ?? [];
  if (major !== "1" || minor === undefined || Number(minor) < OLDEST_MINOR) return undefined;
  const isEarlyCandidate =
    Number(minor) === BOUND_BROADCAST_MINOR &&
    candidate !== undefined &&
    Number(candidate) < BOUND_BROADCAST_CANDIDATE;
  const isBound = Number(minor) >= BOUND_BROADCAST_MINOR && !isEarlyCandidate;
  return { minor: `v1.${Number(minor)}`, broadcast: isBound ? 2 : 1 };
}

/** From the journal's text of a dialect. */
export function readDialect(text: string): Dialect {
  const [minor = ownDialect.minor, broadcast] = text.split(" ");
  return { minor, broadcast: broadcast === "1" ? 1 : 2 };
}

export const writeDialect = ({ minor, broadcast }: Dialect): string => `${minor} ${broadcast}`;
