import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { breakingChanges } from './breaking-changes.ts';
import { jsonSchemaOf } from '../documents/json-schema.ts';

const before = z.object({
  id: z.string().min(1).max(200),
  version: z.number().int().nonnegative(),
  state: z.enum(['queued', 'running']),
  description: z.string().default(''),
  owner: z.string().optional(),
  error: z.string().nullable(),
  interval: z.tuple([z.number(), z.number()]),
  tags: z.record(z.string(), z.string()),
  rows: z.array(z.object({ id: z.string(), value: z.number() })).min(1),
  source: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('dataset'), dataset: z.string() }),
    z.object({ kind: z.literal('endpoint'), endpoint: z.string() }),
  ]),
});
const change = (after: z.ZodType) => breakingChanges(jsonSchemaOf(before), jsonSchemaOf(after));
const { shape } = before;

describe('breakingChanges', () => {
  it.each([
    ['nothing', before],
    ['an optional member more', before.extend({ note: z.string().optional() })],
    ['a member with a default more', before.extend({ note: z.string().default('') })],
    ['a value more', before.extend({ state: z.enum(['running', 'queued', 'failed']) })],
    ['a wider bound', before.extend({ id: z.string().min(1).max(300) })],
    ['a bound less', before.extend({ id: z.string() })],
    ['an integer that may be any number', before.extend({ version: z.number().nonnegative() })],
    ['a mandatory member made optional', before.extend({ id: shape.id.optional() })],
    ['a member that may be null', before.extend({ id: shape.id.nullable() })],
    ['null or a number more', before.extend({ error: z.union([shape.error, z.number()]) })],
    [
      'an alternative more',
      before.extend({ source: z.union([...shape.source.options, z.object({ kind: z.null() })]) }),
    ],
    [
      'an optional member more, deep inside',
      before.extend({ rows: z.array(shape.rows.element.extend({ note: z.string().optional() })) }),
    ],
    ['other words', before.extend({ id: shape.id.describe('the name') })],
  ])('lets %s pass', (_, after) => {
    expect(change(after)).toEqual([]);
  });

  it.each([
    ['a member less', before.omit({ owner: true }), 'owner: is gone'],
    ['a mandatory member less', before.omit({ id: true }), 'id: is gone'],
    ['a mandatory member more', before.extend({ note: z.string() }), 'note: is required now'],
    ['an optional member made mandatory', before.required({ owner: true }), 'owner: is required'],
    ['a default less', before.extend({ description: z.string() }), 'description: another default'],
    [
      'another default',
      before.extend({ description: z.string().default('none') }),
      'description: another default',
    ],
    ['another type', before.extend({ id: z.number() }), 'id: is no string any longer'],
    ['a number made an integer', asInteger(), 'rows[].value: is no number any longer'],
    ['a value less', before.extend({ state: z.enum(['queued']) }), 'no longer takes "running"'],
    ['a word made a choice', before.extend({ owner: z.enum(['a']).optional() }), 'certain values'],
    [
      'a narrower bound',
      before.extend({ id: z.string().min(1).max(100) }),
      'maxLength is narrower',
    ],
    ['a bound more', before.extend({ version: shape.version.max(9) }), 'version: maximum is'],
    ['a longer list demanded', before.extend({ rows: shape.rows.min(2) }), 'rows: minItems is'],
    ['a pattern', before.extend({ id: shape.id.regex(/^a/) }), 'id: pattern changed'],
    [
      'null no longer taken',
      before.extend({ error: z.string() }),
      'error: the alternative {"type":"null"}',
    ],
    ['an alternative less', before.extend({ source: shape.source.options[0] }), '"endpoint"'],
    ['an alternative made narrower', narrowedAlternative(), 'the alternative'],
    ['a pair made a triple', before.extend({ interval: triple() }), 'interval: has another number'],
    ['a narrower place of a pair', before.extend({ interval: intPair() }), 'interval[1]: is no'],
    ['another value type of a map', before.extend({ tags: numbers() }), '<additionalProperties>'],
    ['a member less, deep inside', withoutRowId(), 'rows[].id: is gone'],
    ['further members forbidden', before.strict(), '<additionalProperties>'],
  ])('reports %s', (_, after, problem) => {
    expect(change(after)).toContainEqual(expect.stringContaining(problem));
  });

  it('sees a change of a member that is named like a word of the schema', () => {
    const described = (description: z.ZodType) => jsonSchemaOf(z.object({ description }));

    expect(breakingChanges(described(z.string()), described(z.number()))).toHaveLength(1);
  });

  it('takes what it cannot judge for broken', () => {
    expect(breakingChanges({ type: 'object' }, { type: 'object', dependencies: {} })).toEqual([
      'the data: dependencies changed in a way that cannot be judged',
    ]);
    expect(breakingChanges(true, false)).toEqual(['the data: not changed']);
    expect(
      breakingChanges({ anyOf: [{ type: 'null' }] }, { anyOf: [{ type: 'null' }], maximum: 1 }),
    ).toEqual(['the data: maximum is narrower']);
  });
});

function asInteger() {
  const row = shape.rows.element.extend({ value: z.number().int() });
  return before.extend({ rows: z.array(row).min(1) });
}

function narrowedAlternative() {
  const [dataset, endpoint] = shape.source.options;
  const narrower = endpoint.extend({ endpoint: z.string().max(3) });
  return before.extend({ source: z.discriminatedUnion('kind', [dataset, narrower]) });
}

function triple() {
  return z.tuple([z.number(), z.number(), z.number()]);
}

function intPair() {
  return z.tuple([z.number(), z.number().int()]);
}

function numbers() {
  return z.record(z.string(), z.number());
}

function withoutRowId() {
  return before.extend({ rows: z.array(shape.rows.element.omit({ id: true })).min(1) });
}
