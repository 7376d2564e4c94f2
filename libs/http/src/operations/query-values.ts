import type { z } from 'zod';

/** Query parameters as the object a schema expects: text, or a list where its member is an array or a name is repeated. */
export function queryValues(
  schema: z.ZodType | undefined,
  query: URLSearchParams,
): Record<string, string | string[]> {
  const lists = listNames(schema);
  const values = Object.create(null) as Record<string, string | string[]>;
  for (const name of new Set(query.keys())) {
    const all = query.getAll(name);
    values[name] = all.length > 1 || lists.has(name) ? all : (all[0] as string);
  }
  return { ...values };
}

const namesBySchema = new WeakMap<object, ReadonlySet<string>>();

function listNames(schema: z.ZodType | undefined): ReadonlySet<string> {
  if (schema === undefined) return new Set();
  let names = namesBySchema.get(schema);
  if (names === undefined) {
    const shape = (innermost(schema) as { shape?: Record<string, unknown> }).shape ?? {};
    names = new Set(
      Object.entries(shape)
        .filter(([, member]) => LISTS.has(innermost(member).type ?? ''))
        .map(([name]) => name),
    );
    namesBySchema.set(schema, names);
  }
  return names;
}

const LISTS = new Set(['array', 'set', 'tuple']);

type SchemaDefinition = {
  type?: string;
  innerType?: unknown;
  in?: unknown;
  shape?: Record<string, unknown>;
};

/** Looks through optional, default, nullable, readonly, catch and pipes to what is read from the wire. */
function innermost(schema: unknown): SchemaDefinition {
  const definition = (schema as { def?: SchemaDefinition }).def ?? {};
  const inner = definition.innerType ?? (definition.type === 'pipe' ? definition.in : undefined);
  return inner === undefined ? definition : innermost(inner);
}
