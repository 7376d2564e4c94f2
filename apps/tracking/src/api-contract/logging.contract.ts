import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api, Json } from './api.ts';

const metric = (key: string, value: unknown, timestamp: unknown = 1, step: unknown = 0) => ({
  key,
  value,
  timestamp,
  step,
});
const pair = (key: string, value: string) => ({ key, value });

export function describeLogging(api: () => Api): void {
  const batch = (run: string, body: object) =>
    api().post('runs/log-batch', { run_id: run, ...body });

  describe('metrics', () => {
    it('are latest by step, then time, then value, in whatever order they come', async () => {
      const points = [
        metric('m', 1, 200, 5),
        metric('m', 7, 200, 5),
        metric('m', 99, 100, 5),
        metric('m', 500, 900, 2),
        metric('m', 3, 9999, -1),
      ];
      const one = await api().run();
      await batch(one, { metrics: points });
      const backwards = await api().run();
      for (const point of points.toReversed())
        await api().post('runs/log-metric', { run_id: backwards, ...point });
      const together = await api().run();
      await Promise.all(points.map((point) => batch(together, { metrics: [point] })));

      for (const run of [one, backwards, together]) {
        expect((await api().data(run)).metrics).toEqual({ m: 7 });
        expect(await api().history(run, 'm')).toEqual([
          metric('m', 99, 100, 5),
          metric('m', 1, 200, 5),
          metric('m', 7, 200, 5),
          metric('m', 500, 900, 2),
          metric('m', 3, 9999, -1),
        ]);
      }
    });

    it('count once when a batch is sent again', async () => {
      const run = await api().run();
      const metrics = Array.from({ length: 150 }, (_, index) => metric(`k${index}`, index, 5, 1));
      const size = async () => {
        const all = await Promise.all(metrics.map(({ key }) => api().history(run, key)));
        return all.flat().length;
      };

      for (let time = 0; time < 4; time++) expect((await batch(run, { metrics })).status).toBe(200);
      expect(await size()).toBe(150);
      const next = [...metrics.slice(1), metric('k0', 17, 6, 2)];
      expect((await batch(run, { metrics: next })).status).toBe(200);

      expect(await size()).toBe(151);
      expect(await api().history(run, 'k0')).toEqual([
        metric('k0', 0, 5, 1),
        metric('k0', 17, 6, 2),
      ]);
    });

    it('may be infinite or no number, in every reader alike', async () => {
      const run = await api().run();
      const body = `{"run_id":"${run}","metrics":[
        {"key":"a","value":"Infinity","timestamp":1},
        {"key":"b","value":"-Infinity","timestamp":1},
        {"key":"c","value":"NaN","timestamp":1},
        {"key":"d","value":NaN,"timestamp":1},
        {"key":"e","value":1e400,"timestamp":1},
        {"key":"f","value":-Infinity,"timestamp":1},
        {"key":"g","value":"1.5","timestamp":"123","step":"7"}]}`;
      const most = Number.MAX_VALUE;

      expect((await batch(run, {})).status).toBe(200);
      expect(await api().post('runs/log-batch', body)).toMatchObject({ status: 200 });

      expect((await api().data(run)).metrics).toEqual({
        a: most,
        b: -most,
        c: 'NaN',
        d: 'NaN',
        e: most,
        f: -most,
        g: 1.5,
      });
      expect(await api().history(run, 'g')).toEqual([metric('g', 1.5, 123, 7)]);
      expect(await api().history(run, 'c')).toEqual([metric('c', 'NaN', 1, 0)]);
      const bulk = await api().call(
        'GET',
        `/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id=${run}&metric_key=c`,
      );
      expect(bulk.body['metrics']).toEqual([{ ...metric('c', 'NaN', 1, 0), run_id: run }]);
    });

    it('keep 64-bit steps to the digit', async () => {
      const run = await api().run();
      const steps = ['9007199254740993', '-9223372036854775808', '9223372036854775807', '0'];
      const body = `{"run_id":"${run}","metrics":[${steps
        .map((step) => `{"key":"m","value":1,"timestamp":1,"step":${step}}`)
        .join(',')}]}`;

      expect((await api().post('runs/log-batch', body)).status).toBe(200);

      const { text } = await api().get('metrics/get-history', { run_id: run, metric_key: 'm' });
      expect([...text.matchAll(/"step":(-?\d+)/g)].map(([, step]) => step)).toEqual([
        '-9223372036854775808',
        '0',
        '9007199254740993',
        '9223372036854775807',
      ]);
      const read = await api().get('runs/get', { run_id: run });
      expect(read.text).toContain('"step":9223372036854775807');
    });

    it.each([
      ['timestamp', metric('k', 1, 1650500000.5)],
      ['timestamp', metric('k', 1, 1e30)],
      ['timestamp', metric('k', 1, -1)],
      ['timestamp', { key: 'k', value: 1 }],
      ['timestamp', metric('k', 1, 'x')],
      ['timestamp', metric('k', 1, true)],
      ['step', metric('k', 1, 1, 2.5)],
      ['step', metric('k', 1, 1, '9223372036854775808')],
      ['value', metric('k', 'Inf')],
      ['value', metric('k', 'x')],
      ['value', metric('k', true)],
      ['value', { key: 'k', timestamp: 1 }],
      ['value', metric('k', null)],
      ['model_id', { ...metric('k', 1), model_id: 'm'.repeat(256) }],
      ['dataset_name', { ...metric('k', 1), dataset_name: 'd'.repeat(501) }],
      ['dataset_digest', { ...metric('k', 1), dataset_digest: 'd'.repeat(37) }],
      ['key', metric('', 1)],
      ['key', { value: 1, timestamp: 1 }],
      ['key', metric('a#b', 1)],
      ['key', metric('../b', 1)],
      ['key', metric('k'.repeat(251), 1)],
    ])('with a bad %s store nothing of their batch: %j', async (field, bad) => {
      const run = await api().run();

      const reply = await batch(run, {
        metrics: [metric('good', 1), bad],
        params: [pair('p', 'x')],
      });

      expect(reply).toMatchObject(mistake('INVALID_PARAMETER_VALUE', 400, `'metrics[1].${field}'`));
      expect(await api().data(run)).toMatchObject({ metrics: {}, params: {} });
      expect(await api().post('runs/log-metric', { run_id: run, ...bad })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE', 400, `'${field}'`),
      );
    });

    it('take a whole number written as a float', async () => {
      const run = await api().run();
      const body = `{"run_id":"${run}","key":"m","value":1,"timestamp":1650500000000.0,"step":2.0}`;

      expect((await api().post('runs/log-metric', body)).status).toBe(200);
      expect(await api().history(run, 'm')).toEqual([metric('m', 1, 1650500000000, 2)]);
    });
  });

  describe('the history of a metric', () => {
    const shuffled = <Item>(items: Item[]) =>
      items
        .map((item, index) => [(index * 7919) % items.length, item] as const)
        .sort(([left], [right]) => left - right)
        .map(([, item]) => item);

    it('has one order for any size and page', async () => {
      const run = await api().run();
      const steps = Array.from({ length: 150 }, (_, step) => step);
      await batch(run, { metrics: shuffled(steps).map((step) => metric('m', 1, 1000, step)) });
      await batch(run, {
        metrics: steps.map((step) => metric('m', 2, 999 - step, 150 + step)),
      });
      const whole = await api().history(run, 'm');
      const pages: unknown[] = [];
      let token = '';
      do {
        const { body } = await api().get('metrics/get-history', {
          run_id: run,
          metric_key: 'm',
          max_results: '7',
          ...(token === '' ? {} : { page_token: token }),
        });
        pages.push(...(body['metrics'] as unknown as Json[]));
        token = (body['next_page_token'] ?? '') as unknown as string;
      } while (token !== '');

      expect(pages).toEqual(whole);
      expect(whole.map((point) => Number(point['step']))).toEqual([
        ...steps.map((step) => 299 - step),
        ...steps,
      ]);
    });

    it('comes in pages that end, and their tokens belong to it alone', async () => {
      const [run, other] = [await api().run(), await api().run()];
      for (const id of [run, other])
        await batch(id, {
          metrics: Array.from({ length: 10 }, (_, step) => metric('m', step, step, step)),
        });
      const page = (query: Record<string, string>) =>
        api().get('metrics/get-history', { run_id: run, metric_key: 'm', ...query });
      const whole = await page({});
      const zero = await page({ max_results: '0' });

      expect(whole.body['metrics']).toHaveLength(10);
      expect(whole.body['next_page_token']).toBeUndefined();
      expect(zero.body).toEqual(whole.body);
      const sizes: number[] = [];
      let token: string | undefined;
      do {
        const { body } = await page({
          max_results: '3',
          ...(token === undefined ? {} : { page_token: token }),
        });
        sizes.push((body['metrics'] as unknown as Json[]).length);
        token = body['next_page_token'] as unknown as string | undefined;
      } while (token !== undefined);
      expect(sizes).toEqual([3, 3, 3, 1]);
      const { body } = await page({ max_results: '3' });
      const bad = mistake('INVALID_PARAMETER_VALUE');
      expect(
        await page({ run_id: other, page_token: body['next_page_token'] as unknown as string }),
      ).toMatchObject(bad);
      expect(await page({ page_token: 'abc' })).toMatchObject(bad);
      expect(await page({ page_token: btoa('{"offset":3}') })).toMatchObject(bad);
      expect(await page({ max_results: '-1' })).toMatchObject(bad);
    });

    it('of what is not there is empty', async () => {
      const run = await api().run();
      const history = (run_id: string) =>
        api().get('metrics/get-history', { run_id, metric_key: 'none' });

      expect(await history(run)).toMatchObject({ status: 200, text: '{}' });
      expect(await history('nobody')).toMatchObject({ status: 200, text: '{}' });
    });

    it('is sampled evenly, with the first and last step of every run', async () => {
      const [long, short] = [await api().run(), await api().run()];
      await batch(long, {
        metrics: Array.from({ length: 1000 }, (_, step) => metric('m', step, step, step)),
      });
      await batch(short, { metrics: [3, 507, 999].map((step) => metric('m', step, step, step)) });
      const sample = async (query: Record<string, string>) => {
        const { body } = await api().get('metrics/get-history-bulk-interval', {
          run_ids: [long, short],
          metric_key: 'm',
          ...query,
        });
        const points = (body['metrics'] ?? []) as unknown as { run_id: string; step: number }[];
        return [long, short].map((run) =>
          points.filter(({ run_id }) => run_id === run).map(({ step }) => step),
        );
      };

      const [longSteps = [], shortSteps] = await sample({ max_results: '10' });
      expect(longSteps.length).toBeLessThanOrEqual(14);
      expect(longSteps.length).toBeGreaterThanOrEqual(10);
      expect([longSteps[0], longSteps.at(-1)]).toEqual([0, 999]);
      const gaps = longSteps
        .slice(1)
        .map((step, index) => step - (longSteps[index] as unknown as number));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(200);
      expect(shortSteps).toEqual(expect.arrayContaining([3, 999]));
      expect(await sample({})).toEqual([
        Array.from({ length: 1000 }, (_, step) => step),
        [3, 507, 999],
      ]);
      expect(await sample({ start_step: '505', end_step: '508' })).toEqual([
        [505, 506, 507, 508],
        [507],
      ]);
    });

    it.each([
      ['get-history-bulk', { metric_key: 'm' }, 'must specify at least one run_id'],
      ['get-history-bulk', { run_id: 'a' }, 'must specify a metric_key'],
      [
        'get-history-bulk',
        { run_id: Array.from({ length: 101 }, () => 'a'), metric_key: 'm' },
        'cannot specify more than',
      ],
      [
        'get-history-bulk-interval',
        { run_ids: Array.from({ length: 101 }, () => 'a'), metric_key: 'm' },
        'at most 100 run_ids',
      ],
      [
        'get-history-bulk-interval',
        { run_ids: 'a', metric_key: 'm', max_results: '2501' },
        'max_results must be between 1 and 2500',
      ],
      [
        'get-history-bulk-interval',
        { run_ids: 'a', metric_key: 'm', max_results: '0' },
        'max_results must be between 1 and 2500',
      ],
      [
        'get-history-bulk-interval',
        { run_ids: 'a', metric_key: 'm', start_step: '5', end_step: '4' },
        'end_step must be greater than start_step',
      ],
      ['get-history-bulk-interval', { run_ids: 'a', metric_key: 'm', start_step: '5' }, 'both'],
    ])('of several runs, asked by %s %j, is refused', async (path, query, message) => {
      expect(await api().get(`metrics/${path}`, query)).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE', 400, message),
      );
    });
  });

  describe('params', () => {
    it('never change, and a batch that tries stores nothing', async () => {
      const run = await api().run();
      const params = (given: Record<string, string>) =>
        batch(run, {
          params: Object.entries(given).map(([key, value]) => pair(key, value)),
          metrics: [metric(`m${Object.keys(given).join('')}`, 1)],
        });

      expect((await params({ a: '1', b: '2' })).status).toBe(200);
      expect((await params({ a: '1', c: '2' })).status).toBe(200);
      const conflict = await params({ a: '9', d: '4' });
      expect(conflict).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
      for (const part of ["key='a'", "value='1'", "'9'"]) expect(conflict.text).toContain(part);
      expect(await api().data(run)).toMatchObject({
        params: { a: '1', b: '2', c: '2' },
        metrics: { mab: 1, mac: 1 },
      });
      const single = (value: string) =>
        api().post('runs/log-parameter', { run_id: run, key: 'a', value });
      expect((await single('1')).status).toBe(200);
      expect(await single('2')).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
    });

    it('twice in one batch are refused, even with the same value', async () => {
      const run = await api().run();

      expect(await batch(run, { params: [pair('a', '1'), pair('a', '1')] })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
    });

    it('without a value are empty text', async () => {
      const run = await api().run();

      expect((await api().post('runs/log-parameter', { run_id: run, key: 'a' })).status).toBe(200);
      expect((await api().data(run)).params).toEqual({ a: '' });
    });

    it.each(['log-parameter', 'log-batch'])(
      'have up to 6,000 code points and are cut beyond, by %s',
      async (action) => {
        const run = await api().run();
        const log = (key: string, value: string) =>
          action === 'log-batch'
            ? batch(run, { params: [pair(key, value)] })
            : api().post('runs/log-parameter', { run_id: run, key, value });
        const fits = { a: 'a'.repeat(6000), e: 'é'.repeat(6000), s: '😀'.repeat(6000) };

        for (const [key, value] of Object.entries(fits)) await log(key, value);
        expect((await log('t', '😀'.repeat(6001))).status).toBe(200);
        expect((await log('k'.repeat(250), 'x')).status).toBe(200);
        expect(await log('k'.repeat(251), 'x')).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));

        expect((await api().data(run)).params).toEqual({
          ...fits,
          t: fits.s,
          ['k'.repeat(250)]: 'x',
        });
      },
    );
  });

  describe('tags', () => {
    it('are set, replaced and deleted', async () => {
      const run = await api().run();
      const set = (value: string) => api().post('runs/set-tag', { run_id: run, key: 't', value });

      await set('a');
      await set('é'.repeat(8001));
      await batch(run, { tags: [pair('u', '1'), pair('u', '2'), pair('empty', '')] });
      expect((await api().data(run)).tags).toMatchObject({
        t: 'é'.repeat(8000),
        u: '2',
        empty: '',
      });
      const remove = () => api().post('runs/delete-tag', { run_id: run, key: 't' });
      expect((await remove()).status).toBe(200);
      expect((await api().data(run)).tags['t']).toBeUndefined();
      expect(await remove()).toMatchObject(
        mistake('RESOURCE_DOES_NOT_EXIST', 404, 'No tag with name: t'),
      );
    });
  });

  describe('a batch', () => {
    it.each([
      [{ metrics: 1000 }, 200],
      [{ metrics: 1001 }, 400],
      [{ params: 100 }, 200],
      [{ params: 101 }, 400],
      [{ tags: 100 }, 200],
      [{ tags: 101 }, 400],
      [{ metrics: 900, params: 50, tags: 50 }, 200],
      [{ metrics: 950, params: 51 }, 400],
      [{}, 200],
    ])(
      'of %j is %i',
      async (sizes: { metrics?: number; params?: number; tags?: number }, status) => {
        const run = await api().run();
        const many = <Item>(size: number | undefined, make: (index: number) => Item) =>
          Array.from({ length: size ?? 0 }, (_, index) => make(index));

        const reply = await batch(run, {
          metrics: many(sizes.metrics, (index) => metric(`m${index}`, index)),
          params: many(sizes.params, (index) => pair(`p${index}`, 'x')),
          tags: many(sizes.tags, (index) => pair(`t${index}`, 'x')),
        });

        expect(reply.status, reply.text).toBe(status);
        if (status === 400)
          expect(await api().data(run)).toMatchObject({ metrics: {}, params: {} });
      },
    );

    it('that fails leaves those beside it alone', async () => {
      const [good, bad] = [await api().run(), await api().run()];
      await batch(bad, { params: [pair('p', 'old')] });

      const replies = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          index % 3 === 0
            ? batch(bad, { params: [pair('p', 'new')], metrics: [metric('lost', index)] })
            : batch(good, { metrics: [metric('m', index, index, index)] }),
        ),
      );

      expect(replies.map(({ status }) => status)).toEqual(
        replies.map((_, index) => (index % 3 === 0 ? 400 : 200)),
      );
      expect(await api().history(good, 'm')).toHaveLength(8);
      expect((await api().data(bad)).metrics).toEqual({});
    });
  });
}
