import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api } from './api.ts';

export function describeExperiments(api: () => Api): void {
  describe('an experiment', () => {
    it('is created, read by id and by name, and found', async () => {
      const name = api().name();
      const created = await api().post('experiments/create', {
        name,
        tags: [{ key: 'team', value: 'blue' }],
      });
      const id = created.body['experiment_id'] as unknown as string;

      const byId = await api().get('experiments/get', { experiment_id: id });
      const byName = await api().get('experiments/get-by-name', { experiment_name: name });

      expect(byId.body).toEqual({
        experiment: {
          experiment_id: id,
          name,
          artifact_location: `mlflow-artifacts:/${id}`,
          lifecycle_stage: 'active',
          creation_time: expect.any(Number) as number,
          last_update_time: expect.any(Number) as number,
          tags: [{ key: 'team', value: 'blue' }],
        },
      });
      expect(byName.body).toEqual(byId.body);
      expect(typeof id).toBe('string');
    });

    it('has a name that nobody else has, not even when it is deleted', async () => {
      const name = api().name();
      const id = await api().experiment(name);
      const taken = mistake('RESOURCE_ALREADY_EXISTS', 400, 'already exists');

      expect(await api().post('experiments/create', { name })).toMatchObject(taken);
      await api().post('experiments/delete', { experiment_id: id });
      expect(await api().post('experiments/create', { name })).toMatchObject(taken);
      const other = await api().experiment();
      expect(
        await api().post('experiments/update', { experiment_id: other, new_name: name }),
      ).toMatchObject(taken);
    });

    it('may have the longest name there is', async () => {
      const name = `${api().name()}${'😀'.repeat(450)}`;
      const id = await api().experiment(name);

      const read = await api().get('experiments/get-by-name', { experiment_name: name });

      expect(read.body['experiment']?.['experiment_id']).toBe(id);
    });

    it('is made once by twenty who want it at once', async () => {
      const name = api().name();

      const replies = await Promise.all(
        Array.from({ length: 20 }, () => api().post('experiments/create', { name })),
      );

      expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
      expect(replies.filter(({ status }) => status !== 200)).toEqual(
        Array.from(
          { length: 19 },
          () => expect.objectContaining(mistake('RESOURCE_ALREADY_EXISTS')) as unknown,
        ),
      );
    });

    it('takes its runs with it when it is deleted and brings all of them back', async () => {
      const id = await api().experiment();
      const [first, second] = [
        await api().run({ experiment_id: id }),
        await api().run({ experiment_id: id }),
      ];
      await api().post('runs/delete', { run_id: second });
      const stages = async () =>
        Promise.all(
          [first, second].map(
            async (run) =>
              (await api().get('runs/get', { run_id: run })).body['run']?.['info']?.[
                'lifecycle_stage'
              ],
          ),
        );

      await api().post('experiments/delete', { experiment_id: id });
      expect(await stages()).toEqual(['deleted', 'deleted']);
      expect(await api().post('runs/create', { experiment_id: id })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
      expect(
        await api().post('experiments/update', { experiment_id: id, new_name: api().name() }),
      ).toMatchObject(mistake('INVALID_STATE'));
      const read = await api().get('experiments/get', { experiment_id: id });
      expect(read.body['experiment']?.['lifecycle_stage']).toBe('deleted');
      const gone = mistake('RESOURCE_DOES_NOT_EXIST', 404);
      expect(await api().post('experiments/delete', { experiment_id: id })).toMatchObject(gone);

      await api().post('experiments/restore', { experiment_id: id });
      expect(await stages()).toEqual(['active', 'active']);
      expect(await api().post('experiments/restore', { experiment_id: id })).toMatchObject(gone);
    });

    it('has tags that are set, replaced and deleted', async () => {
      const id = await api().experiment();
      const tags = async () =>
        (await api().get('experiments/get', { experiment_id: id })).body['experiment']?.['tags'];
      const set = (value: string) =>
        api().post('experiments/set-experiment-tag', { experiment_id: id, key: 'k', value });
      const remove = () =>
        api().post('experiments/delete-experiment-tag', { experiment_id: id, key: 'k' });

      await set('a');
      await set('b');
      expect(await tags()).toEqual([{ key: 'k', value: 'b' }]);
      expect(await remove()).toMatchObject({ status: 200, body: {} });
      expect(await tags()).toBeUndefined();
      expect(await remove()).toMatchObject(
        mistake('RESOURCE_DOES_NOT_EXIST', 404, 'No tag with name: k'),
      );
      expect(await set('x'.repeat(5001))).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
    });

    it('is found by filter, order, view and page', async () => {
      const mark = api().name();
      const ids: string[] = [];
      for (const suffix of ['B', 'a', 'c']) {
        const { body } = await api().post('experiments/create', {
          name: `${mark}-${suffix}`,
          tags: [{ key: 'mark', value: mark }],
        });
        ids.push(body['experiment_id'] as unknown as string);
      }
      const search = async (given: Record<string, unknown>) => {
        const filter = `tags.mark = '${mark}'`;
        const { body } = await api().post('experiments/search', { filter, ...given });
        const found = ((body['experiments'] ?? []) as unknown as { name: string }[]).map(
          ({ name }) => name.slice(mark.length + 1),
        );
        return [found.join(''), body['next_page_token']] as const;
      };

      expect(await search({})).toEqual(['caB', undefined]);
      expect(await search({ order_by: ['name'] })).toEqual(['Bac', undefined]);
      expect(await search({ order_by: ['experiment_id ASC'] })).toEqual(['Bac', undefined]);
      expect(await search({ filter: `name LIKE '${mark}-%a'` })).toEqual(['a', undefined]);
      expect(await search({ filter: `name ILIKE '${mark}-b'` })).toEqual(['B', undefined]);
      expect(await search({ filter: `name = '${mark}-c' AND creation_time > 0` })).toEqual([
        'c',
        undefined,
      ]);
      const [first, token] = await search({ max_results: 2, order_by: ['name'] });
      expect(first).toBe('Ba');
      expect(await search({ max_results: 2, order_by: ['name'], page_token: token })).toEqual([
        'c',
        undefined,
      ]);
      await api().post('experiments/delete', { experiment_id: ids[1] });
      expect((await search({}))[0]).toBe('cB');
      expect((await search({ view_type: 'DELETED_ONLY' }))[0]).toBe('a');
      expect((await search({ view_type: 3 }))[0]).toBe('caB');
      expect((await search({ view_type: 'FOO' }))[0]).toBe('cB');
    });

    it('is also searched by GET, with lists as repeated names', async () => {
      const name = api().name();
      await api().experiment(name);

      const { body } = await api().get('experiments/search', {
        filter: `name = '${name}'`,
        order_by: ['name ASC', 'experiment_id'],
        max_results: '5',
      });

      expect(body['experiments']).toHaveLength(1);
    });

    it.each([
      ['create', {}],
      ['create', { name: '' }],
      ['create', { name: ' ' }],
      ['create', { name: 5 }],
      ['create', { name: 'x'.repeat(501) }],
      ['create', { name: 'x', tags: {} }],
      ['create', { name: 'x', tags: [5] }],
      ['create', { name: 'x', artifact_location: `s3://${'x'.repeat(2048)}` }],
      ['create', { name: 'x', artifact_location: 's3://a/../b' }],
      ['update', {}],
      ['update', { experiment_id: '1' }],
      ['delete', { experiment_id: 'abc' }],
      ['search', { max_results: 50_001 }],
      ['search', { max_results: -1 }],
      ['search', { page_token: 'zzz' }],
      ['search', { filter: "foo.bar = 'x'" }],
      ['search', { filter: "name > 'x'" }],
      ['search', { order_by: ['tags.a'] }],
      ['search', { order_by: ['name', 'name DESC'] }],
    ])('%s %j is a mistake', async (action, body) => {
      expect(await api().post(`experiments/${action}`, body)).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
    });

    it('that is not there is told apart from an id that cannot be', async () => {
      const get = (experiment_id: string) => api().get('experiments/get', { experiment_id });

      expect(await get('99999')).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
      expect(await get('abc')).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
      expect(await get('99999999999999999999999')).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
      expect(await api().get('experiments/get')).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE', 400, 'Missing value for required parameter'),
      );
      expect(
        await api().get('experiments/get-by-name', { experiment_name: 'nobody' }),
      ).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
    });
  });
}
