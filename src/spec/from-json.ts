/** What strict reading needs of an SSZ type. */
interface JsonType<T> {
  fromJson(json: unknown): T;
  toJson(value: T): unknown;
}

/**
 * Reads a container from JSON and refuses what the library would let pass: it reads "-1", "1.5", "0x10" and broken
 * hexadecimal as some number or some bytes. What we understood must say the same as what came, and nothing below zero.
 *
 * @param fail - Makes the error, from the place in the document.
 */
export function containerFromJson<T>(
  type: JsonType<T>,
  json: unknown,
  where: string,
  fail: (where: string) => Error,
): T {
  let value: T;
  let again: unknown;
  try {
    value = type.fromJson(json);
    again = type.toJson(value);
  } catch {
    throw fail(where);
  }
  const differs = firstDifference(again, json, where);
  if (differs !== undefined) throw fail(differs);
  return value;
}

/** Where `found` says something else than `ours`; fields that only `found` has are fine. */
function firstDifference(ours: unknown, found: unknown, where: string): string | undefined {
  if (Array.isArray(ours)) {
    if (!Array.isArray(found) || found.length !== ours.length) return where;
    return firstOf(ours.keys(), (i) => firstDifference(ours[i], found[i], `${where}[${i}]`));
  }
  if (typeof ours === "object" && ours !== null) {
    if (typeof found !== "object" || found === null) return where;
    const from = found as Record<string, unknown>;
    return firstOf(Object.entries(ours), ([name, value]) =>
      firstDifference(value, Object.hasOwn(from, name) ? from[name] : undefined, `${where}.${name}`),
    );
  }
  // Hexadecimal digits come in any case; addresses use it as a checksum.
  // The library reads and writes negative numbers, of which the specification has none.
  if (typeof ours === "string" && ours.startsWith("-")) return where;
  const same =
    ours === found ||
    (typeof ours === "string" && typeof found === "string" && ours.toLowerCase() === found.toLowerCase());
  return same ? undefined : where;
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
