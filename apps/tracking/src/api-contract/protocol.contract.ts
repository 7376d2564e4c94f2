import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api } from './api.ts';

export function describeProtocol(api: () => Api): void {
  const post = async (path: string, body: string, headers: Record<string, string>) => {
    const answer = await fetch(`${api().url}${path}`, { method: 'POST', headers, body });
    return {
      status: answer.status,
      body: (await answer.json()) as { error_code: string; message: string },
    };
  };
  const create = '/api/2.0/mlflow/experiments/create';

  describe('the protocol', () => {
    it('tells who it is', async () => {
      expect(await api().call('GET', '/health')).toMatchObject({ status: 200, text: 'OK' });
      expect((await api().call('GET', '/version')).text).toMatch(/^3\.\d+\.\d+$/);
      for (const prefix of ['/api', '/ajax-api'])
        expect((await api().call('GET', `${prefix}/3.0/mlflow/server-info`)).body).toEqual({
          store_type: 'SqlStore',
          workspaces_enabled: false,
        });
    });

    it('is the same for web pages', async () => {
      const name = api().name();

      const reply = await api().call('POST', '/ajax-api/2.0/mlflow/experiments/create', { name });

      expect(reply.status).toBe(200);
      expect(await api().call('GET', '/ajax-api/2.0/mlflow/nothing')).toMatchObject(
        mistake('ENDPOINT_NOT_FOUND', 404),
      );
    });

    it('words unknown paths and methods as MLflow does', async () => {
      for (const path of [
        '/api/2.0/mlflow/nothing',
        '/api/2.0/mlflow/runs/nothing',
        '/api/3.0/mlflow/nothing',
        '/api/2.0/mlflow-artifacts/nothing',
      ])
        expect(await api().call('GET', path)).toMatchObject(mistake('ENDPOINT_NOT_FOUND', 404));
      expect(await api().call('GET', create)).toMatchObject({
        status: 405,
        body: { message: 'method: must be POST' },
      });
    });

    it.each([
      ['', ''],
      ['{', ''],
      ['[]', ''],
      ['null', ''],
      ['5', ''],
      ['"{"', ''],
      ['['.repeat(100_000) + ']'.repeat(100_000), ''],
      ['{"name":"a"', ''],
      ['{"name":{"a":1}}', "'name'"],
      ['{"__proto__":{"name":"x"}}', ''],
    ])('refuses the body %.20s', async (body, part) => {
      const reply = await post(create, body, { 'content-type': 'application/json' });

      expect(reply).toMatchObject(mistake('INVALID_PARAMETER_VALUE', 400, part));
    });

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
      'takes no %s, which foreign pages may send',
      async (type) => {
        const name = api().name();

        const reply = await post(create, JSON.stringify({ name }), { 'content-type': type });

        expect(reply).toMatchObject(mistake('INVALID_PARAMETER_VALUE'));
        const found = await api().get('experiments/get-by-name', { experiment_name: name });
        expect(found.status).toBe(404);
      },
    );

    it('takes a charset, a body in a string, and members it does not know', async () => {
      const type = { 'content-type': 'application/json; charset=utf-8' };
      const body = () => ({ name: api().name(), unknown: { deep: [1] }, tags: null });

      expect((await post(create, JSON.stringify(body()), type)).status).toBe(200);
      expect((await post(create, JSON.stringify(JSON.stringify(body())), type)).status).toBe(200);
    });

    it('has no workspaces', async () => {
      const headers = { 'content-type': 'application/json', 'x-mlflow-workspace': 'mine' };

      expect(await post(create, '{"name":"in a workspace"}', headers)).toMatchObject(
        mistake('FEATURE_DISABLED'),
      );
    });

    it('refuses paths that leave the artifacts as they stand on the wire', async () => {
      const { hostname, port } = new URL(api().url);
      const status = await new Promise((resolve, reject) => {
        const path = '/api/2.0/mlflow-artifacts/artifacts/a/../../../../etc/passwd';
        request({ hostname, port, path }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        })
          .on('error', reject)
          .end();
      });

      expect(status).toBe(400);
    });
  });
}
