import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api, Json } from './api.ts';

export function describeLoggedModels(api: () => Api): void {
  const path = (id: string, below = '') => `/api/2.0/mlflow/logged-models/${id}${below}`;
  const create = async (given: object) =>
    (await api().post('logged-models', given)).body['model'] as unknown as Json;
  const idOf = (model: Json) => model['info']?.['model_id'] as unknown as string;
  const get = (id: string) => api().call('GET', path(id));

  describe('a logged model', () => {
    it('begins, gets params and tags, and is made ready', async () => {
      const experiment = await api().experiment();
      const model = await create({
        experiment_id: experiment,
        name: 'net',
        model_type: 'agent',
        source_run_id: 'r1',
        params: [{ key: 'a', value: '1' }],
        tags: [{ key: 't', value: 'x' }],
      });
      const id = idOf(model);

      expect(id).toMatch(/^m-[0-9a-f]{32}$/);
      expect(model).toEqual({
        info: {
          model_id: id,
          experiment_id: experiment,
          name: 'net',
          creation_timestamp_ms: expect.any(Number) as number,
          last_updated_timestamp_ms: expect.any(Number) as number,
          artifact_uri: `mlflow-artifacts:/${experiment}/models/${id}/artifacts`,
          status: 'LOGGED_MODEL_PENDING',
          model_type: 'agent',
          source_run_id: 'r1',
          tags: [{ key: 't', value: 'x' }],
        },
        data: { params: [{ key: 'a', value: '1' }] },
      });
      const finalise = (status: string) => api().call('PATCH', path(id), { model_id: id, status });
      const ready = await finalise('LOGGED_MODEL_READY');
      expect(ready.body['model']?.['info']?.['status']).toBe('LOGGED_MODEL_READY');
      const unknown = await finalise('FOO');
      expect(unknown.body['model']?.['info']?.['status']).toBe('LOGGED_MODEL_READY');
      await api().call('PATCH', path(id, '/tags'), { tags: [{ key: 'u/v', value: 'y' }] });
      const more = await api().call('POST', path(id, '/params'), {
        params: [
          { key: 'a', value: '1' },
          { key: 'b', value: '2' },
        ],
      });
      expect(more.status).toBe(200);
      expect(
        await api().call('POST', path(id, '/params'), { params: [{ key: 'a', value: '2' }] }),
      ).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
      const read = (await get(id)).body['model'];
      expect(read?.['data']?.['params']).toHaveLength(2);
      expect(read?.['info']?.['tags']).toHaveLength(2);
      const remove = () => api().call('DELETE', path(id, '/tags/u%2Fv'));
      expect((await remove()).status).toBe(200);
      expect(await remove()).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
    });

    it('is deleted softly', async () => {
      const id = idOf(await create({ experiment_id: await api().experiment() }));

      expect(await api().call('DELETE', path(id))).toMatchObject({ status: 200, text: '{}' });

      const gone = mistake('RESOURCE_DOES_NOT_EXIST', 404);
      expect(await get(id)).toMatchObject(gone);
      expect(await api().call('DELETE', path(id))).toMatchObject(gone);
      expect((await api().call('GET', path(id, '?allow_deleted=True'))).status).toBe(200);
    });

    it('has the metrics that runs log for it, NaN and repetitions included', async () => {
      const experiment = await api().experiment();
      const id = idOf(await create({ experiment_id: experiment }));
      const run = await api().run({ experiment_id: experiment });
      const metrics = [
        { key: 'a', value: 1, timestamp: 1, step: 0, model_id: id },
        { key: 'a', value: 2, timestamp: 1, step: 1, model_id: id },
        {
          key: 'a',
          value: 'NaN',
          timestamp: 1,
          step: 2,
          model_id: id,
          dataset_name: 'd',
          dataset_digest: '1',
        },
        { key: 'b', value: 5, timestamp: 1, step: 0 },
      ];

      for (let time = 0; time < 2; time++)
        expect((await api().post('runs/log-batch', { run_id: run, metrics })).status).toBe(200);

      const point = { key: 'a', timestamp: 1, run_id: run, model_id: id };
      expect((await get(id)).body['model']?.['data']?.['metrics']).toEqual([
        { ...point, value: 2, step: 1 },
        { ...point, value: 'NaN', step: 2, dataset_name: 'd', dataset_digest: '1' },
      ]);
      expect(await api().history(run, 'a')).toHaveLength(3);
      expect(
        await api().post('runs/log-metric', { run_id: run, ...metrics[0], model_id: 'm-none' }),
      ).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
    });

    it('is found by attributes, params, tags and metrics', async () => {
      const experiment = await api().experiment();
      const run = await api().run({ experiment_id: experiment });
      const letterById = new Map<string, string>();
      for (const [letter, value, dataset] of [
        ['A', 1, 'x'],
        ['B', 2, 'y'],
        ['C', 'NaN', 'x'],
        ['D', undefined, ''],
      ] as const) {
        const id = idOf(
          await create({
            experiment_id: experiment,
            name: `model ${letter}`,
            params: [{ key: 'p', value: letter }],
            tags: [{ key: 't', value: letter.toLowerCase() }],
          }),
        );
        letterById.set(id, letter);
        if (value === undefined) continue;
        await api().post('runs/log-metric', {
          run_id: run,
          key: 'auc',
          value,
          timestamp: 1,
          model_id: id,
          dataset_name: dataset,
          dataset_digest: '1',
        });
      }
      const find = async (filter: string, more: object = {}) => {
        const reply = await api().post('logged-models/search', {
          experiment_ids: [experiment],
          filter,
          order_by: [{ field_name: 'name' }],
          ...more,
        });
        expect(reply.status, reply.text).toBe(200);
        const models = (reply.body['models'] ?? []) as unknown as Json[];
        return models.map((model) => letterById.get(idOf(model))).join('');
      };
      const by = (field_name: string, ascending?: boolean) => ({
        order_by: [{ field_name, ...(ascending === undefined ? {} : { ascending }) }],
      });

      expect(await find('')).toBe('ABCD');
      expect(await find("name = 'model A'")).toBe('A');
      expect(await find("name IN ('model A', 'model D') and attributes.status = 'PENDING'")).toBe(
        'AD',
      );
      expect(await find("params.p != 'A' and tags.t NOT IN ('d')")).toBe('BC');
      expect(await find('metrics.auc > 0.5')).toBe('AB');
      expect(await find('metrics.auc != 1')).toBe('BC');
      expect(await find('metrics.auc > 0.5', { datasets: [{ dataset_name: 'x' }] })).toBe('A');
      expect(
        await find('metrics.auc > 0.5', {
          datasets: [{ dataset_name: 'x', dataset_digest: '2' }],
        }),
      ).toBe('');
      expect(await find('', by('metrics.auc', false))).toBe('BACD');
      expect(await find('', by('metrics.auc', true))).toBe('ABCD');
      expect(await find('', by('creation_timestamp'))).toBe('ABCD');
      expect(await find('', { order_by: [] })).toBe('DCBA');
      const page = await api().post('logged-models/search', {
        experiment_ids: [experiment],
        max_results: 3,
      });
      const page_token = page.body['next_page_token'] as unknown as string;
      expect(await find('', { order_by: [], page_token })).toBe('A');
      const bad = mistake('INVALID_PARAMETER_VALUE');
      for (const search of [
        { filter: "name = 'x'", page_token },
        { page_token: 'zzz' },
        { filter: "tag.t = 'x'" },
        { filter: "foo = 'x'" },
        { order_by: [{ field_name: 'params.p' }] },
        { order_by: [{}] },
        { experiment_ids: [] },
        { max_results: -1 },
      ])
        expect(
          await api().post('logged-models/search', { experiment_ids: [experiment], ...search }),
        ).toMatchObject(bad);
    });

    it('takes the longest keys and names there are', async () => {
      const experiment = await api().experiment();
      const id = idOf(await create({ experiment_id: experiment, name: '😀'.repeat(500) }));
      const run = await api().run({ experiment_id: experiment });
      // hardly compressible, three bytes each
      const long = (length: number) =>
        Array.from({ length }, (_, index) =>
          String.fromCharCode(0x4e00 + ((index * 7919) % 20_000)),
        ).join('');

      const reply = await api().post('runs/log-metric', {
        run_id: run,
        key: long(250),
        value: 1,
        timestamp: 1,
        model_id: id,
        dataset_name: long(500),
        dataset_digest: long(36),
      });

      expect(reply.status, reply.text).toBe(200);
      expect((await get(id)).body['model']?.['data']?.['metrics']).toHaveLength(1);
      for (const name of ['x'.repeat(501), '😀'.repeat(501)])
        expect(
          await api().post('logged-models', { experiment_id: experiment, name }),
        ).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
    });

    it('has artifacts of its own', async () => {
      const model = await create({ experiment_id: await api().experiment() });
      const root = (model['info']?.['artifact_uri'] as unknown as string).replace(
        'mlflow-artifacts:/',
        '',
      );
      await api().artifact('PUT', `${root}/MLmodel`, 'x');
      await api().artifact('PUT', `${root}/data/w.bin`, 'yy');
      const below = `/artifacts/directories?artifact_directory_path=`;

      expect((await api().call('GET', path(idOf(model), below))).body['files']).toEqual([
        { path: 'MLmodel', is_dir: false, file_size: 1 },
        { path: 'data', is_dir: true },
      ]);
      expect((await api().call('GET', path(idOf(model), `${below}data`))).body['files']).toEqual([
        { path: 'data/w.bin', is_dir: false, file_size: 2 },
      ]);
      const file = await fetch(
        `${api().url}/ajax-api/2.0/mlflow/logged-models/${idOf(model)}/artifacts/files?artifact_file_path=data/w.bin`,
      );
      expect(await file.text()).toBe('yy');
    });

    it.each(['a/b', 'a:b', 'a.b', 'a%b', 'a"b', "a'b"])('is not called %s', async (name) => {
      const experiment_id = await api().experiment();

      expect(await api().post('logged-models', { experiment_id, name })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
    });
  });
}
