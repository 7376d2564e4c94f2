import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '@flywheel/core';
import { parseFilter } from './parse-filter.ts';

const clause = (entity: string | undefined, key: string, comparator: string, value: object) => ({
  subject: { entity, key, position: 0 },
  condition: { kind: 'compare', comparator, operand: value },
});
const text = (value: string) => ({ kind: 'text', text: value });
const number = (value: string) => ({ kind: 'number', text: value });

describe('a filter', () => {
  it.each([
    ['metrics.loss < 0.1', clause('metrics', 'loss', '<', number('0.1'))],
    ['metrics.a>-0.001', clause('metrics', 'a', '>', number('-0.001'))],
    ['metrics.a>=.5', clause('metrics', 'a', '>=', number('.5'))],
    ['metrics.a = 1e-3', clause('metrics', 'a', '=', number('1e-3'))],
    ['metrics.`avg model score` > 0.5', clause('metrics', 'avg model score', '>', number('0.5'))],
    [`params."cat-dog" = '1'`, clause('params', 'cat-dog', '=', text('1'))],
    ['tags.`a.b` = "it\'s"', clause('tags', 'a.b', '=', text("it's"))],
    ["tags.a = 'it''s'", clause('tags', 'a', '=', text("it's"))],
    ["tags.mlflow.runName = 'x'", clause('tags', 'mlflow.runName', '=', text('x'))],
    ["params.`x` = 'AND'", clause('params', 'x', '=', text('AND'))],
    ["attributes.run_name = 'and'", clause('attributes', 'run_name', '=', text('and'))],
    ["status != 'FAILED'", clause(undefined, 'status', '!=', text('FAILED'))],
    ["`run name` like 'a%'", clause(undefined, 'run name', 'LIKE', text('a%'))],
    ["params.p iLiKe '%x_'", clause('params', 'p', 'ILIKE', text('%x_'))],
    ["tags.x = '; DROP TABLE runs --'", clause('tags', 'x', '=', text('; DROP TABLE runs --'))],
    ["tags.`größe` = 'ü'", clause('tags', 'größe', '=', text('ü'))],
    ["tags.größe = 'ü'", clause('tags', 'größe', '=', text('ü'))],
  ])('%s is one clause', (filter, expected) => {
    expect(parseFilter(filter)).toEqual([expected]);
  });

  it('joins clauses by AND in any case, and several on one key', () => {
    const clauses = parseFilter("metrics.a > 1 AND metrics.a <= 5 and tags.t = 'x' aNd b = 'y'");

    expect(clauses.map(({ subject }) => subject.key)).toEqual(['a', 'a', 't', 'b']);
  });

  it('reads lists and null', () => {
    expect(parseFilter('run_id IN (\'a\', "b")')[0]?.condition).toEqual({
      kind: 'in',
      isNegated: false,
      values: ['a', 'b'],
    });
    expect(parseFilter("run_id not in ('a')")[0]?.condition).toEqual({
      kind: 'in',
      isNegated: true,
      values: ['a'],
    });
    expect(parseFilter('tags.x IS NULL and params.y is not null').map((c) => c.condition)).toEqual([
      { kind: 'null', isNegated: false },
      { kind: 'null', isNegated: true },
    ]);
  });

  it.each(['', '  ', '\n\t'])('%j matches all', (filter) => {
    expect(parseFilter(filter)).toEqual([]);
  });

  it.each([
    ['metrics.', 0],
    ['metrics.a', 9],
    ['metrics.a >', 11],
    ["tags.`x = 'y'", 5],
    ["'", 0],
    ["a = 'b", 4],
    ["metrics.a > 'x'; drop table runs", 15],
    ["a = 'b' OR c = 'd'", 8],
    ["(a = 'b')", 0],
    ["a = 'b' AND", 11],
    ["AND a = 'b'", 4],
    ["a = 'b' a = 'c'", 8],
    ['a == 1', 3],
    ['a <> 1', 3],
    ['a = b', 4],
    ['a = 1x', 4],
    ['a = 1.2.3', 4],
    ['run_id IN ()', 11],
    ["run_id IN 'a'", 10],
    ["run_id IN ('a'", 14],
    ['run_id IN (1)', 11],
    ['a IS 5', 2],
    ['a NOT 5', 2],
    ["'a' = 'b'", 0],
    ['1 = 1', 0],
  ])('%s is refused with its position', (filter, position) => {
    expect(() => parseFilter(filter)).toThrow(`Invalid filter at position ${position}: `);
  });

  it('keeps any text between quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom("'", '"'), (value, quote) => {
        const quoted = `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;

        expect(parseFilter(`tags.a = ${quoted}`)).toEqual([clause('tags', 'a', '=', text(value))]);
      }),
    );
  });

  it('keeps any key between backticks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const filter = `tags.\`${key.replaceAll('`', '``')}\` = 'x'`;

        expect(parseFilter(filter)).toEqual([clause('tags', key, '=', text('x'))]);
      }),
    );
  });

  it('is read or refused, whatever it is', () => {
    const piece = fc.constantFrom(
      'metrics.a',
      'a',
      '`b`',
      "'c'",
      '"d"',
      '1',
      '-2.5e3',
      '=',
      '!=',
      '<',
      '>=',
      'LIKE',
      'IN',
      '(',
      ')',
      ',',
      'AND',
      'IS',
      'NOT',
      'NULL',
      '`',
      "'",
      '"',
      ';',
      '--',
      '.',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        try {
          parseFilter(pieces.join(' '));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).code).toBe('invalid_argument');
        }
      }),
    );
  });
});
