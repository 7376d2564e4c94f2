import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { startTestProcess } from '@flywheel/runtime/testing';
import { Api, mistake } from './api-contract/api.ts';
import { tracking } from './service.ts';

describe('a restart', () => {
  it('brings no deleted experiment back, and loses nothing', async () => {
    using folder = temporaryFolder();
    const start = () =>
      startTestProcess([tracking], { environment: { FLYWHEEL_DATA: folder.path } });
    let run: string;
    {
      await using running = await start();
      const api = new Api(running.url);
      run = await api.run();
      await api.post('runs/log-metric', { run_id: run, key: 'm', value: 1, timestamp: 1 });
      await api.artifact('PUT', `0/${run}/artifacts/a.txt`, 'kept');
      expect((await api.post('experiments/delete', { experiment_id: '0' })).status).toBe(200);
    }
    await using running = await start();
    const api = new Api(running.url);

    const all = await api.post('experiments/search', {
      view_type: 'ALL',
      filter: "name = 'Default'",
    });
    expect(all.body['experiments']).toEqual([
      expect.objectContaining({ experiment_id: '0', lifecycle_stage: 'deleted' }),
    ]);
    expect(await api.post('runs/create', { experiment_id: '0' })).toMatchObject(
      mistake('INVALID_PARAMETER_VALUE', 400, "must be in the 'active' state"),
    );
    await api.post('experiments/restore', { experiment_id: '0' });
    expect((await api.post('runs/create', { experiment_id: '0' })).status).toBe(200);
    expect((await api.data(run)).metrics).toEqual({ m: 1 });
    const artifact = await api.artifact('GET', `0/${run}/artifacts/a.txt`);
    expect(await artifact.text()).toBe('kept');
  });
});
