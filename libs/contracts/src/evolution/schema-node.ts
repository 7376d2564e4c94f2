/** A JSON Schema (draft 7) as a plain object, or `true` and `false`. */
export type JsonSchema = boolean | Readonly<Record<string, unknown>>;

/** A schema as an object, its words for readers left out. */
export type SchemaNode = Readonly<Record<string, unknown>>;

const words = ['$schema', '$id', 'title', 'description', 'examples'];
const ofMembers = ['properties', 'patternProperties', 'definitions', '$defs'];
const plain = ['type', 'const', 'enum', 'required', 'default'];

export function schemaNode(schema: JsonSchema): SchemaNode {
  if (typeof schema === 'boolean') return schema ? {} : { not: {} };
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => !words.includes(keyword))
      .map(([keyword, value]) => [keyword, inner(keyword, value)]),
  );
}

function inner(keyword: string, value: unknown): unknown {
  if (plain.includes(keyword) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => schemaNode(one as JsonSchema));
  if (!ofMembers.includes(keyword)) return schemaNode(value as JsonSchema);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, schemaNode(member as JsonSchema)]),
  );
}

/** True where one of several schemas must fit: a list of them, or of types. */
export function isChoice(node: SchemaNode): boolean {
  return 'anyOf' in node || 'oneOf' in node || Array.isArray(node['type']);
}

/** The schemas of which one must fit; the node itself where there is no choice. */
export function alternativesOf(node: SchemaNode): readonly SchemaNode[] {
  const found = node['anyOf'] ?? node['oneOf'];
  if (Array.isArray(found)) return (found as SchemaNode[]).flatMap(alternativesOf);
  const { type, ...rest } = node;
  return Array.isArray(type) ? type.map((one: string) => ({ ...rest, type: one })) : [node];
}

/** What must hold beside a choice. */
export function besideAlternatives(node: SchemaNode): SchemaNode {
  if (!('anyOf' in node || 'oneOf' in node)) return {};
  return Object.fromEntries(
    Object.entries(node).filter(([keyword]) => !['anyOf', 'oneOf', 'default'].includes(keyword)),
  );
}

export function typesOf(node: SchemaNode): readonly string[] | undefined {
  const type = node['type'] as string | readonly string[] | undefined;
  return typeof type === 'string' ? [type] : type;
}

export function valuesOf(node: SchemaNode): readonly unknown[] | undefined {
  return 'const' in node ? [node['const']] : (node['enum'] as readonly unknown[] | undefined);
}

export function membersOf(node: SchemaNode): Readonly<Record<string, SchemaNode>> {
  return (node['properties'] ?? {}) as Readonly<Record<string, SchemaNode>>;
}

export function requiredOf(node: SchemaNode): readonly string[] {
  return (node['required'] ?? []) as readonly string[];
}

/** Equal whatever the order of members. */
export function isSame(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right)
    return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every(
      (name) => name in right && isSame((left as SchemaNode)[name], (right as SchemaNode)[name]),
    )
  );
}
