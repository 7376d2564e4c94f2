import {
  alternativesOf,
  besideAlternatives,
  isChoice,
  isSame,
  membersOf,
  requiredOf,
  schemaNode,
  typesOf,
  valuesOf,
} from './schema-node.ts';
import type { JsonSchema, SchemaNode } from './schema-node.ts';

/**
 * What in `after` could refuse data that `before` took, loses a member, or gives what is absent another meaning: such a
 * change needs a new version. An optional member more, a value more of an enumeration, a wider bound is none. What
 * cannot be judged counts as broken.
 */
export function breakingChanges(before: JsonSchema, after: JsonSchema): string[] {
  return compare(schemaNode(before), schemaNode(after), '');
}

function compare(before: SchemaNode, after: SchemaNode, path: string): string[] {
  if (isSame(before, after)) return [];
  const otherDefault =
    'default' in before && !isSame(before['default'], after['default'])
      ? [`${at(path)}: another default`]
      : [];
  const [olds, news] = [alternativesOf(before), alternativesOf(after)];
  return [
    ...otherDefault,
    ...(isChoice(before) || isChoice(after)
      ? [...compareChoices(olds, news, path), ...compareBeside(before, after, path)]
      : checks.flatMap((check) => check(before, after, path))),
  ];
}

function compareChoices(
  olds: readonly SchemaNode[],
  news: readonly SchemaNode[],
  path: string,
): string[] {
  return olds.flatMap((old) => {
    const attempts = news.map((fresh) => compare(old, fresh, path));
    if (attempts.some((problems) => problems.length === 0)) return [];
    return [`${at(path)}: the alternative ${brief(old)} is gone or narrower`];
  });
}

function compareBeside(before: SchemaNode, after: SchemaNode, path: string): string[] {
  const rest = isChoice(after) ? besideAlternatives(after) : {};
  if (Object.keys(rest).length === 0) return [];
  const old = isChoice(before) ? besideAlternatives(before) : before;
  return checks.flatMap((check) => check(old, rest, path));
}

const checks: readonly ((before: SchemaNode, after: SchemaNode, path: string) => string[])[] = [
  checkTypes,
  checkValues,
  checkBounds,
  checkRules,
  checkMembers,
  checkOtherMembers,
  checkItems,
  checkUnknown,
];

function checkTypes(before: SchemaNode, after: SchemaNode, path: string): string[] {
  const types = typesOf(after);
  if (types === undefined) return [];
  const lost = typesOf(before)?.filter(
    (type) => !types.includes(type) && !(type === 'integer' && types.includes('number')),
  );
  if (lost === undefined) return [`${at(path)}: must be ${types.join(' or ')} now`];
  return lost.map((type) => `${at(path)}: is no ${type} any longer`);
}

function checkValues(before: SchemaNode, after: SchemaNode, path: string): string[] {
  const values = valuesOf(after);
  if (values === undefined) return [];
  const olds = valuesOf(before);
  if (olds === undefined) return [`${at(path)}: takes only certain values now`];
  return olds
    .filter((old) => !values.some((value) => isSame(old, value)))
    .map((old) => `${at(path)}: no longer takes ${JSON.stringify(old)}`);
}

const atLeast = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const atMost = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

function checkBounds(before: SchemaNode, after: SchemaNode, path: string): string[] {
  return [...atLeast, ...atMost].flatMap((keyword) => {
    const [old, fresh] = [before[keyword], after[keyword]];
    if (typeof fresh !== 'number') return [];
    const isWider =
      typeof old === 'number' && (atLeast.includes(keyword) ? fresh <= old : fresh >= old);
    return isWider ? [] : [`${at(path)}: ${keyword} is narrower`];
  });
}

const rules = ['pattern', 'format', 'multipleOf', 'allOf', 'not', 'uniqueItems', '$ref'];

/** Rules of which only the text is known: they may stay or go, not change. */
function checkRules(before: SchemaNode, after: SchemaNode, path: string): string[] {
  return rules
    .filter((keyword) => keyword in after && !isSame(before[keyword], after[keyword]))
    .map((keyword) => `${at(path)}: ${keyword} changed`);
}

function checkMembers(before: SchemaNode, after: SchemaNode, path: string): string[] {
  const news = membersOf(after);
  const mandatory = requiredOf(after).filter((name) => !requiredOf(before).includes(name));
  return [
    ...Object.entries(membersOf(before)).flatMap(([name, old]) => {
      const fresh = news[name];
      const place = join(path, name);
      return fresh === undefined ? [`${place}: is gone`] : compare(old, fresh, place);
    }),
    ...mandatory.map((name) => `${join(path, name)}: is required now`),
  ];
}

const ofOthers = ['additionalProperties', 'propertyNames', 'additionalItems'];

function checkOtherMembers(before: SchemaNode, after: SchemaNode, path: string): string[] {
  return ofOthers.flatMap((keyword) => {
    const fresh = after[keyword] as JsonSchema | undefined;
    const old = (before[keyword] ?? true) as JsonSchema;
    if (fresh === undefined) return [];
    return compare(schemaNode(old), schemaNode(fresh), join(path, `<${keyword}>`));
  });
}

function checkItems(before: SchemaNode, after: SchemaNode, path: string): string[] {
  const fresh = after['items'] as SchemaNode | SchemaNode[] | undefined;
  const old = (before['items'] ?? {}) as SchemaNode | SchemaNode[];
  if (fresh === undefined) return [];
  if (!Array.isArray(old) && !Array.isArray(fresh)) return compare(old, fresh, `${path}[]`);
  if (!Array.isArray(old) || !Array.isArray(fresh) || old.length !== fresh.length)
    return [`${at(path)}: has another number of places`];
  return old.flatMap((place, index) => compare(place, fresh[index] ?? {}, `${path}[${index}]`));
}

const known = new Set([
  ...['type', 'const', 'enum', 'default', 'properties', 'required', 'items'],
  ...atLeast,
  ...atMost,
  ...rules,
  ...ofOthers,
]);

function checkUnknown(before: SchemaNode, after: SchemaNode, path: string): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((keyword) => !known.has(keyword) && !isSame(before[keyword], after[keyword]))
    .map((keyword) => `${at(path)}: ${keyword} changed in a way that cannot be judged`);
}

function at(path: string): string {
  return path === '' ? 'the data' : path;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function brief(node: SchemaNode): string {
  const text = JSON.stringify(node);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
