import { beforeAll, describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api } from './api.ts';

type Given = {
  loss?: unknown;
  start?: number;
  params?: Record<string, string>;
  tags?: Record<string, string>;
  name?: string;
};

export function describeSearching(api: () => Api): void {
  const pairs = (members: Record<string, string> = {}) =>
    Object.entries(members).map(([key, value]) => ({ key, value }));
  const start = async (experiment: string, given: Given) => {
    const run = await api().run({
      experiment_id: experiment,
      start_time: given.start ?? 1,
      ...(given.name === undefined ? {} : { run_name: given.name }),
    });
    await api().post('runs/log-batch', {
      run_id: run,
      metrics:
        given.loss === undefined ? [] : [{ key: 'loss', value: given.loss, timestamp: 1, step: 0 }],
      params: pairs(given.params),
      tags: pairs(given.tags),
    });
    return run;
  };
  /** Runs by letter, and what a search finds as letters. */
  const letters = async (given: Record<string, Given>) => {
    const experiment = await api().experiment();
    const letterById = new Map<string, string>();
    for (const [letter, run] of Object.entries(given))
      letterById.set(await start(experiment, run), letter);
    return {
      experiment,
      idOf: (letter: string) => [...letterById].find(([, each]) => each === letter)?.[0] ?? '',
      find: async (filter: string, orderBy: string[] = [], more: object = {}) => {
        const search = { experiment_ids: [experiment], filter, order_by: orderBy, ...more };
        return (await api().found(search)).map((id) => letterById.get(id)).join('');
      },
    };
  };

  describe('a search by a metric that is not a number somewhere', () => {
    let runs: Awaited<ReturnType<typeof letters>>;
    beforeAll(async () => {
      runs = await letters({
        A: { loss: 'NaN', start: 4 },
        B: { loss: 0.05, start: 3 },
        C: { loss: 0.5, start: 2 },
        D: { start: 1 },
      });
    });

    it.each([
      ['metrics.loss < 0.1', 'B'],
      ['metrics.loss <= 0', ''],
      ['metrics.loss = 0', ''],
      ['metrics.loss > 0', 'BC'],
      ['metrics.loss != 0.05', 'AC'],
      ['metrics.loss > 1e400', ''],
      ['metrics.loss < 1e400', 'BC'],
    ])('%s finds %s', async (filter, found) => {
      expect(await runs.find(filter)).toBe(found);
    });

    it('puts it after all numbers, and what has none last', async () => {
      expect(await runs.find('', ['metrics.loss ASC'])).toBe('BCAD');
      expect(await runs.find('', ['metrics.loss DESC'])).toBe('CBAD');
    });
  });

  describe('a search for runs', () => {
    let runs: Awaited<ReturnType<typeof letters>>;
    beforeAll(async () => {
      runs = await letters({
        A: {
          loss: 1,
          start: 10,
          name: 'and',
          params: { x: 'AND', 'cat-dog': '1', n: '10' },
          tags: { 'a.b': "it's", evil: "'; DROP TABLE runs; --" },
        },
        B: {
          loss: 2,
          start: 20,
          name: 'Beta',
          params: { n: '9', x: 'other' },
          tags: { back: '50%_\\x' },
        },
        C: { loss: 2, start: 20, params: { n: '100' } },
      });
      await api().post('runs/log-metric', {
        run_id: runs.idOf('B'),
        key: 'avg model score',
        value: 0.7,
        timestamp: 1,
      });
      await api().post('runs/update', {
        run_id: runs.idOf('B'),
        status: 'FAILED',
        end_time: 9007199254740991,
      });
    });

    it.each([
      ['', 'A'],
      ['metrics.`avg model score` > 0.5', 'B'],
      ['metrics."avg model score" > 0.5', 'B'],
      [`params."cat-dog" = '1'`, 'A'],
      ['tags.`a.b` = "it\'s"', 'A'],
      ["tags.a.b = 'it''s'", 'A'],
      ["params.`x` = 'AND'", 'A'],
      ["attributes.run_name = 'and'", 'A'],
      ["`run name` = 'and'", 'A'],
      ['tags.evil = "\'; DROP TABLE runs; --"', 'A'],
      ['metrics.loss>-0.001 and metrics.loss<=1.5', 'A'],
      ["params.x != 'AND'", 'B'],
      ["params.x LIKE 'a%'", ''],
      ["params.x ILIKE 'a%'", 'A'],
      ["params.x LIKE '_ND'", 'A'],
      ["tags.back LIKE '50\\%%'", ''],
      ["tags.back LIKE '50%\\x'", 'B'],
      ["attributes.status = 'FAILED'", 'B'],
      ["status != 'RUNNING'", 'B'],
      ['end_time = 9007199254740991', 'B'],
      ['attr.start_time < 15', 'A'],
      ["created >= 10.5 and run.start_time < 20.5 and params.n = '9'", 'B'],
      ['tags.evil IS NOT NULL', 'A'],
      ['params.x is null', 'C'],
      ["parameter.n = '100' and metric.loss = 2 and tag.mlflow.runName != 'x'", 'C'],
      ["params.n = '10.0'", ''],
    ])('%s', async (filter, found) => {
      const all = await runs.find(filter, ['start_time']);

      expect(filter === '' ? all[0] : all).toBe(found);
    });

    it('by ids takes lists', async () => {
      const [a, b] = [runs.idOf('A'), runs.idOf('B')];

      expect(await runs.find(`run_id IN ('${a}', '${b}')`, ['start_time'])).toBe('AB');
      expect(await runs.find(`attributes.run_id NOT IN ('${a}', '${b}')`)).toBe('C');
      expect(await runs.find(`run_id IN ('${a.toUpperCase()}')`)).toBe('');
      expect(await runs.find(`artifact_uri LIKE '%${a}%'`)).toBe('A');
    });

    it('is ordered by what is asked, then by the newest start, then by id', async () => {
      expect(await runs.find('', ['params.n'])).toBe('ACB');
      expect(await runs.find('', ['tags.back DESC'])).toMatch(/^B/);
      const [first, second] = [runs.idOf('B'), runs.idOf('C')].sort();
      const byStart = first === runs.idOf('B') && second === runs.idOf('C') ? 'BCA' : 'CBA';
      expect(await runs.find('')).toBe(byStart);
      expect(await runs.find('', ['metrics.loss DESC'])).toBe(byStart);
      expect(await runs.find('', ['attributes.`run name` DESC', 'run_id'])).toHaveLength(3);
    });

    it('comes in pages', async () => {
      const page = (page_token?: string) =>
        api().post('runs/search', {
          experiment_ids: [runs.experiment],
          order_by: ['params.n'],
          max_results: 2,
          page_token,
        });
      const first = await page();
      const second = await page(first.body['next_page_token'] as unknown as string);

      expect(first.body['runs']).toHaveLength(2);
      expect(second.body['runs']).toHaveLength(1);
      expect(second.body['next_page_token']).toBeUndefined();
      expect(second.body['runs']?.[0]?.['info']?.['run_id']).toBe(runs.idOf('B'));
    });

    it('sees deleted runs only where it asks for them', async () => {
      const { find, idOf } = await letters({ A: { start: 2 }, B: { start: 1 } });
      await api().post('runs/delete', { run_id: idOf('A') });

      expect(await find('')).toBe('B');
      expect(await find('', [], { run_view_type: 'DELETED_ONLY' })).toBe('A');
      expect(await find('', [], { run_view_type: 'ALL' })).toBe('AB');
      expect(await find('', [], { run_view_type: 'FOO' })).toBe('B');
    });

    it('in no experiment finds nothing', async () => {
      expect(await api().post('runs/search', {})).toMatchObject({ status: 200, text: '{}' });
    });

    it.each([
      { filter: 'metrics.' },
      { filter: 'metrics.a >' },
      { filter: "tags.`x = 'y'" },
      { filter: "a = 'b'" },
      { filter: "'" },
      { filter: "metrics.a > 'x'; drop table runs" },
      { filter: "metrics.a > 'x'" },
      { filter: "status = 'A' OR status = 'B'" },
      { filter: "tags.`a\u0000b` = 'x'" },
      { filter: 5 },
      { filter: 'x'.repeat(40_000) },
      { page_token: 'zzz' },
      { page_token: btoa('{"offset":-1}') },
      { page_token: btoa('null') },
      { max_results: -1 },
      { max_results: 123456789 },
      { max_results: 'many' },
      { order_by: ['metrics.'] },
      { order_by: ['start_time', 'start_time DESC'] },
      { experiment_ids: ['abc'] },
      { experiment_ids: [0] },
    ])('as %j is refused', async (search) => {
      expect(await api().post('runs/search', { experiment_ids: ['0'], ...search })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
    });

    it('with five hundred clauses is answered', async () => {
      const filter = Array.from({ length: 500 }, (_, index) => `metrics.loss > -${index}`);

      expect(await runs.find(filter.join(' and '), ['params.n'])).toBe('ACB');
    });
  });
}
