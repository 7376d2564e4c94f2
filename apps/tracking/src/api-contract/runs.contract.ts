import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api } from './api.ts';

export function describeRuns(api: () => Api): void {
  describe('a run', () => {
    it('starts, goes on and ends', async () => {
      const experiment = await api().experiment();
      const created = await api().post('runs/create', {
        experiment_id: experiment,
        user_id: 'ann',
        run_name: 'first',
        start_time: '1700000000000',
        tags: [{ key: 'mlflow.user', value: 'ann' }],
      });
      const run = created.body['run']?.['info']?.['run_id'] as unknown as string;
      const info = {
        run_id: run,
        run_uuid: run,
        experiment_id: experiment,
        run_name: 'first',
        user_id: 'ann',
        status: 'RUNNING',
        start_time: 1700000000000,
        artifact_uri: `mlflow-artifacts:/${experiment}/${run}/artifacts`,
        lifecycle_stage: 'active',
      };

      expect(run).toMatch(/^[0-9a-f]{32}$/);
      expect(created.body).toEqual({
        run: {
          info,
          data: {
            tags: [
              { key: 'mlflow.runName', value: 'first' },
              { key: 'mlflow.user', value: 'ann' },
            ],
          },
          inputs: {},
        },
      });
      expect((await api().get('runs/get', { run_uuid: run })).body).toEqual(created.body);
      const ended = await api().post('runs/update', {
        run_id: run,
        run_uuid: run,
        status: 'FINISHED',
        end_time: 1700000000001,
        run_name: 'renamed',
      });
      const end = {
        ...info,
        run_name: 'renamed',
        status: 'FINISHED',
        end_time: 1700000000001,
      };
      expect(ended.body).toEqual({ run_info: end });
      expect((await api().data(run)).tags['mlflow.runName']).toBe('renamed');
      // a client that resumes sends the old end with it
      const resumed = await api().post('runs/update', {
        run_id: run,
        status: 1,
        end_time: 1700000000001,
      });
      expect(resumed.body).toEqual({ run_info: { ...end, status: 'RUNNING' } });
      const unknown = await api().post('runs/update', { run_id: run, status: 'FOO' });
      expect(unknown.body['run_info']?.['status']).toBe('RUNNING');
    });

    it('has a name from its tag, else one that is made up', async () => {
      const experiment_id = await api().experiment();
      const nameTag = (value: string) => [{ key: 'mlflow.runName', value }];
      const create = (given: object) => api().post('runs/create', { experiment_id, ...given });
      const nameOf = (reply: Awaited<ReturnType<typeof create>>) =>
        reply.body['run']?.['info']?.['run_name'];

      expect(nameOf(await create({ tags: nameTag('by tag') }))).toBe('by tag');
      expect(nameOf(await create({ run_name: 'same', tags: nameTag('same') }))).toBe('same');
      expect(nameOf(await create({}))).toMatch(/^[a-z]+-[a-z]+-\d+$/);
      expect(await create({ run_name: 'one', tags: nameTag('two') })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
      const run = await api().run();
      await api().post('runs/set-tag', { run_id: run, key: 'mlflow.runName', value: 'new' });
      const read = await api().get('runs/get', { run_id: run });
      expect(read.body['run']?.['info']?.['run_name']).toBe('new');
    });

    it('is deleted and restored as often as one likes, and takes nothing in between', async () => {
      const run = await api().run();
      const refusal = mistake('INVALID_PARAMETER_VALUE', 400, `The run ${run} must be in`);

      for (let time = 0; time < 2; time++)
        expect((await api().post('runs/delete', { run_id: run })).status).toBe(200);
      for (const [action, body] of [
        ['update', { status: 'FINISHED' }],
        ['log-metric', { key: 'a', value: 1, timestamp: 1 }],
        ['log-parameter', { key: 'a', value: 'x' }],
        ['set-tag', { key: 'a', value: 'x' }],
        ['log-batch', { tags: [{ key: 'a', value: 'x' }] }],
        ['log-inputs', {}],
      ] as const)
        expect(await api().post(`runs/${action}`, { run_id: run, ...body })).toMatchObject(refusal);
      for (let time = 0; time < 2; time++)
        expect((await api().post('runs/restore', { run_id: run })).status).toBe(200);
      expect((await api().post('runs/set-tag', { run_id: run, key: 'a', value: 'x' })).status).toBe(
        200,
      );
      expect(await api().data(run)).toMatchObject({ metrics: {}, params: {} });
    });

    it('that is not there is 404, an id that cannot be is 400', async () => {
      for (const [action, body] of [
        ['update', {}],
        ['delete', {}],
        ['restore', {}],
        ['log-metric', { key: 'a', value: 1, timestamp: 1 }],
        ['log-parameter', { key: 'a', value: 'x' }],
        ['set-tag', { key: 'a', value: 'x' }],
        ['delete-tag', { key: 'a' }],
        ['log-batch', {}],
        ['log-inputs', {}],
        ['outputs', { models: [{ model_id: 'm-1' }] }],
      ] as const) {
        expect(await api().post(`runs/${action}`, { run_id: 'nope', ...body })).toMatchObject(
          mistake('RESOURCE_DOES_NOT_EXIST', 404, 'not found'),
        );
        for (const id of ['../../x', 'a b', 'ü', 'x'.repeat(257)])
          expect(await api().post(`runs/${action}`, { run_id: id, ...body })).toMatchObject(
            mistake('INVALID_PARAMETER_VALUE'),
          );
        expect(await api().post(`runs/${action}`, body)).toMatchObject(
          mistake('INVALID_PARAMETER_VALUE', 400, "required parameter 'run_id'"),
        );
      }
      const unknown = await api().post('runs/create', { experiment_id: '99999' });
      expect(unknown).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
      expect(await api().post('runs/create', {})).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
    });

    it('keeps the types of JSON: texts of params, numbers of times', async () => {
      const run = await api().run({ start_time: 1700000000000 });
      await api().post('runs/log-batch', {
        run_id: run,
        params: [
          { key: 'n', value: '5' },
          { key: 'x', value: '0.1' },
          { key: 'b', value: 'True' },
        ],
      });

      const { text } = await api().get('runs/get', { run_id: run });

      expect(text).toContain('{"key":"n","value":"5"}');
      expect(text).toContain('"start_time":1700000000000');
      expect(text).toMatch(/"experiment_id":"\d+"/);
    });

    it('has inputs and outputs', async () => {
      const run = await api().run();
      const dataset = {
        name: 'flights',
        digest: 'abc',
        source_type: 'local',
        source: '{"uri":"x"}',
        schema: '{}',
      };
      const input = {
        dataset: { ...dataset, profile: 'p'.repeat(2_000_000) },
        tags: [{ key: 'mlflow.data.context', value: 'training' }],
      };

      for (let time = 0; time < 2; time++)
        expect(
          await api().post('runs/log-inputs', {
            run_id: run,
            datasets: [input],
            models: [{ model_id: 'm-1' }],
          }),
        ).toMatchObject({ status: 200, body: {} });
      await api().post('runs/outputs', {
        run_id: run,
        models: [{ model_id: 'm-2', step: '9007199254740993' }],
      });

      const read = await api().get('runs/get', { run_id: run });
      expect(read.body['run']?.['inputs']).toEqual({
        dataset_inputs: [input],
        model_inputs: [{ model_id: 'm-1' }],
      });
      expect(read.text).toContain(
        '"outputs":{"model_outputs":[{"model_id":"m-2","step":9007199254740993}]}',
      );
      const experiment = read.body['run']?.['info']?.['experiment_id'] as unknown as string;
      expect(
        await api().found({
          experiment_ids: [experiment],
          filter:
            "dataset.name = 'flights' and datasets.context LIKE 'train%' and dataset.digest IN ('abc')",
        }),
      ).toEqual([run]);
      expect(
        await api().found({ experiment_ids: [experiment], filter: "dataset.context = 'x'" }),
      ).toEqual([]);
      const summaries = await api().call(
        'POST',
        '/ajax-api/2.0/mlflow/experiments/search-datasets',
        {
          experiment_ids: [experiment],
        },
      );
      expect(summaries.body).toEqual({
        dataset_summaries: [
          { experiment_id: experiment, name: 'flights', digest: 'abc', context: 'training' },
        ],
      });
      for (const bad of [
        { datasets: [{}] },
        { datasets: [{ dataset: { ...dataset, digest: '' } }] },
        { datasets: [{ dataset: { ...dataset, digest: 'x'.repeat(37) } }] },
        { datasets: [{ dataset, tags: [{ key: 'x'.repeat(256), value: '' }] }] },
        { models: [{}] },
      ])
        expect(await api().post('runs/log-inputs', { run_id: run, ...bad })).toMatchObject(
          mistake('INVALID_PARAMETER_VALUE'),
        );
      expect(await api().post('runs/outputs', { run_id: run, models: [] })).toMatchObject(
        mistake('INVALID_PARAMETER_VALUE'),
      );
    });

    it('notes the models that old clients log', async () => {
      const run = await api().run();
      const model = { artifact_path: 'm', flavors: {}, utc_time_created: 'now', run_id: run };

      for (const artifact_path of ['a', 'b'])
        await api().post('runs/log-model', {
          run_id: run,
          model_json: JSON.stringify({ ...model, artifact_path }),
        });

      const history = (await api().data(run)).tags['mlflow.log-model.history'] ?? '';
      expect(JSON.parse(history)).toEqual([
        { ...model, artifact_path: 'a' },
        { ...model, artifact_path: 'b' },
      ]);
      for (const model_json of ['', '{', '[]', '5', '{"artifact_path":"x"}'])
        expect(await api().post('runs/log-model', { run_id: run, model_json })).toMatchObject(
          mistake('INVALID_PARAMETER_VALUE'),
        );
    });
  });
}
