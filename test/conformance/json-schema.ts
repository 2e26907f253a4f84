import fc from "fast-check";

/** The part of JSON Schema that the OpenAPI description of the beacon API uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
}
export type Schemas = Readonly<Record<string, Schema>>;

const resolve = (schema: Schema, schemas: Schemas): Schema => {
  if (schema.$ref === undefined) return schema;
  const found = schemas[schema.$ref];
  if (found === undefined) throw new Error(`no schema ${schema.$ref}`);
  return found;
};

/** Where a value says something else than its schema, and what was wanted there; undefined when it fits. */
export function misfit(value: unknown, given: Schema, schemas: Schemas, where = "$"): string | undefined {
  const schema = resolve(given, schemas);
  for (const part of schema.allOf ?? []) {
    const wrong = misfit(value, part, schemas, where);
    if (wrong !== undefined) return wrong;
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const wrongs = choices.map((choice) => misfit(value, choice, schemas, where));
    return wrongs.includes(undefined) ? undefined : wrongs.join(" | ");
  }
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return `${where}: one of ${schema.enum.join(", ")}, not ${String(value)}`;
  switch (schema.type ?? "") {
    case "string":
      if (typeof value !== "string") return `${where}: a string, not ${typeof value}`;
      if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
        return `${where}: ${value.slice(0, 60)} is not like ${schema.pattern}`;
      return undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : `${where}: a boolean`;
    case "number":
    case "integer":
      return typeof value === "number" ? undefined : `${where}: a number`;
    case "array":
      if (!Array.isArray(value)) return `${where}: an array`;
      return value
        .map((item, i) => misfit(item, schema.items ?? {}, schemas, `${where}[${i}]`))
        .find((wrong) => wrong !== undefined);
    case "object":
      return misfitOfObject(value, schema, schemas, where);
    default:
      return schema.properties === undefined ? undefined : misfitOfObject(value, schema, schemas, where);
  }
}

function misfitOfObject(value: unknown, schema: Schema, schemas: Schemas, where: string): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${where}: an object`;
  const from = value as Record<string, unknown>;
  for (const name of schema.required ?? []) if (!(name in from)) return `${where}.${name}: required`;
  return Object.entries(schema.properties ?? {})
    .map(([name, member]) =>
      from[name] === undefined ? undefined : misfit(from[name], member, schemas, `${where}.${name}`),
    )
    .find((wrong) => wrong !== undefined);
}

/** Values that fit a schema, and now and then one that nearly does. */
export function arbitraryOf(given: Schema, schemas: Schemas, depth = 0): fc.Arbitrary<unknown> {
  const schema = resolve(given, schemas);
  if (depth > 12) return fc.constant(null);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => arbitraryOf(one, schemas, depth + 1)));
  if (schema.allOf !== undefined)
    return fc
      .tuple(...schema.allOf.map((one) => arbitraryOf(one, schemas, depth + 1)))
      .map((parts) => Object.assign({}, ...(parts as object[])) as unknown);
  switch (schema.type ?? "") {
    case "array": {
      const maxLength = Math.min(3, schema.maxItems ?? 3);
      return fc.array(arbitraryOf(schema.items ?? {}, schemas, depth + 1), {
        minLength: Math.min(maxLength, schema.minItems ?? 0),
        maxLength,
      });
    }
    case "boolean":
      return fc.boolean();
    case "number":
    case "integer":
      return fc.integer();
    case "string":
      return stringLike(schema.pattern);
    default: {
      const members = Object.entries(schema.properties ?? {});
      if (members.length === 0) return fc.jsonValue();
      const record = Object.fromEntries(
        members.map(([name, member]) => [name, arbitraryOf(member, schemas, depth + 1)]),
      );
      return fc.record(record, { requiredKeys: (schema.required ?? []) as never[] });
    }
  }
}

const HEX_DIGITS: readonly string[] = "0123456789abcdef".split("");

/** Hexadecimal of the length that the pattern names, a small number, or a hostile text. */
function stringLike(pattern: string | undefined): fc.Arbitrary<string> {
  const digits = Number(/\{(?:\d+,)?(\d+)\}/.exec(pattern ?? "")?.[1] ?? 0);
  const hex = (length: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.constantFrom(...HEX_DIGITS), minLength: length, maxLength: length });
  const usual = digits > 0 ? hex(Math.min(digits, 1_024)).map((text) => `0x${text}`) : fc.nat(9).map(String);
  const hostile = fc.constantFrom(
    "",
    "-1",
    "1.5",
    "0x",
    "0x0",
    "18446744073709551615",
    "18446744073709551616",
    "1e3",
    "NaN",
    "null",
    "\u0000",
    "../../x",
  );
  return fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: hostile });
}
