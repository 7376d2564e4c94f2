import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from './parse-filter.ts';
import { sqlConditions, SqlValues } from './sql-conditions.ts';
import type { Searchable } from './sql-conditions.ts';

const text = (value: string) => ({ kind: 'text', text: value });

describe('a filter', () => {
  it('is clauses joined by AND, in any case', () => {
    expect(parseFilter("name = 'a' AND tags.b != 'c' and version_number>=-1.5")).toEqual([
      { entity: undefined, key: 'name', operator: '=', value: text('a'), at: 0 },
      { entity: 'tags', key: 'b', operator: '!=', value: text('c'), at: 15 },
      {
        entity: undefined,
        key: 'version_number',
        operator: '>=',
        value: { kind: 'number', digits: '-1.5' },
        at: 33,
      },
    ]);
  });

  it.each([undefined, '', '  \n'])('that says nothing (%j) finds all', (filter) => {
    expect(parseFilter(filter)).toEqual([]);
  });

  it.each([
    ["tags.`a b.c` = 'x'", 'a b.c'],
    ['tags."a-b" = \'x\'', 'a-b'],
    ["tags.mlflow.source.name = 'x'", 'mlflow.source.name'],
    ["tags.cat-dog = 'x'", 'cat-dog'],
    ["tags.`a``b` = 'x'", 'a`b'],
    ["tags.1 = 'x'", '1'],
    ["tags.größe = 'x'", 'größe'],
  ])('%s asks for the tag %s', (filter, key) => {
    expect(parseFilter(filter)).toMatchObject([{ entity: 'tags', key }]);
  });

  it.each([
    [`name = 'it''s'`, `it's`],
    [`name = "it's"`, `it's`],
    [`name = 'say "x"'`, `say "x"`],
    [`name = 'AND'`, 'AND'],
    [`name = 'a;DROP TABLE x--'`, 'a;DROP TABLE x--'],
    [`name = ''`, ''],
    [`name = '\\'`, '\\'],
  ])('%s compares with %j', (filter, value) => {
    expect(parseFilter(filter)).toMatchObject([{ value: text(value) }]);
  });

  it('has lists after IN', () => {
    expect(parseFilter("run_id NOT IN ('a',\"b\" , 'c''d')")).toMatchObject([
      { operator: 'NOT IN', value: { kind: 'texts', texts: ['a', 'b', "c'd"] } },
    ]);
  });

  it.each([
    ['name', /an operator is missing at position 4/],
    ['name =', /a value is missing at position 6/],
    ['= 5', /expected a key, found '=' at position 0/],
    ["name = 'a", /unexpected "'" at position 7/],
    ["name = 'a' OR name = 'b'", /expected AND, found 'OR' at position 11/],
    ["name = 'a' AND", /a key is missing at position 14/],
    ["(name = 'a')", /expected a key, found '\(' at position 0/],
    ["NOT name = 'a'", /expected an operator, found 'name' at position 4/],
    ['name = a', /expected a quoted text or a number, found 'a' at position 7/],
    ["run_id IN 'a'", /expected a list in parentheses at position 10/],
    ['run_id IN ()', /expected a quoted text at position 11/],
    ["run_id IN ('a'", /expected \) or , at position 14/],
    ["name = 'a'; drop table models", /unexpected ";" at position 10/],
    ["`` = 'a'", /expected a key/],
    ['x'.repeat(20_001), /longer than/],
  ])('%s is refused with the position', (filter, message) => {
    expect(() => parseFilter(filter)).toThrow(message);
  });

  it('finds any key and any value, however they are spelled', () => {
    const quoted = (value: string, quote: string) =>
      quote + value.replaceAll(quote, quote + quote) + quote;
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('"', '`'),
        fc.constantFrom('"', "'"),
        (key, value, keyQuote, valueQuote) => {
          const filter = `tags.${quoted(key, keyQuote)}=${quoted(value, valueQuote)}`;
          expect(parseFilter(filter)).toMatchObject([{ key, operator: '=', value: text(value) }]);
        },
      ),
    );
  });

  it('of any text gives clauses or a refusal, never another error', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from(`na'"\`.=!<>(), 1-ANDINLIKE`)) }),
        (filter) => {
          try {
            parseFilter(filter);
          } catch (error) {
            expect(error).toMatchObject({ code: 'invalid_argument' });
          }
        },
      ),
    );
  });
});

describe('the conditions of a filter', () => {
  const searchable: Searchable = {
    columns: {
      name: { column: 'm.name', kind: 'text' },
      size: { column: 'm.size', kind: 'number' },
      run_id: { column: 'm.run', kind: 'id' },
    },
    tags: { table: 'model_tags', join: 't.model = m.name' },
  };
  const compile = (filter: string) => {
    const sql = new SqlValues();
    return { conditions: sqlConditions(parseFilter(filter), searchable, sql), values: sql.values };
  };

  it('hold nothing that the caller wrote', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 3 }), (value) => {
        const { conditions, values } = compile(`name = '${value.replaceAll("'", "''")}'`);
        expect(conditions).toEqual(['m.name = $1::text']);
        expect(values).toEqual([value]);
      }),
    );
  });

  it('number their values in turn', () => {
    expect(compile("name LIKE 'a%' and size > 3 and run_id IN ('x')")).toEqual({
      conditions: [
        "m.name like $1::text escape ''",
        'm.size > $2::numeric',
        'm.run = any($3::text[])',
      ],
      values: ['a%', '3', ['x']],
    });
  });

  it('find what lacks the tag only for the rule that tells models from prompts', () => {
    expect(compile("tags.a != 'x'").conditions).toEqual([
      'exists (select 1 from model_tags t where t.model = m.name and t.key = $1 and t.value <> $2::text)',
    ]);
    expect(compile("tag.`mlflow.prompt.is_prompt` != 'true'").conditions).toEqual([
      'not exists (select 1 from model_tags t where t.model = m.name and t.key = $1 and t.value = $2::text)',
    ]);
  });

  it.each([
    "constructor = 'a'",
    "other = 'a'",
    "name > 'a'",
    'name = 1',
    "size = '1'",
    'size LIKE 1',
    "name IN ('a')",
    "tags.a > 'b'",
    "tags.a IN ('b')",
    "run_id NOT IN ('a')",
    "params.a = 'b'",
  ])('%s is refused', (filter) => {
    expect(() => compile(filter)).toThrow(/Invalid filter string: .* at position 0/);
  });
});
