import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { mistake } from './api.ts';
import type { Api, Json } from './api.ts';

const proxy = '/api/2.0/mlflow-artifacts';

export function describeArtifacts(api: () => Api): void {
  const rootOf = async (run: string) => {
    const { body } = await api().get('runs/get', { run_id: run });
    const uri = body['run']?.['info']?.['artifact_uri'] as unknown as string;
    return uri.replace('mlflow-artifacts:/', '');
  };
  const put = async (path: string, bytes: string | Uint8Array) => {
    const answer = await api().artifact('PUT', path, bytes);
    expect(answer.status, await answer.text()).toBe(200);
  };
  const list = (path: string) =>
    api().call('GET', `${proxy}/artifacts?path=${encodeURIComponent(path)}`);

  describe('artifacts', () => {
    it('keep their names and bytes, each decoded exactly once', async () => {
      const root = await rootOf(await api().run());
      const names = [
        'a%20b.png',
        'a b.png',
        'a+b.png',
        '100%.txt',
        '%2e%2e.txt',
        'x#y?z.txt',
        'ü.txt',
      ];
      const bytes = new Map(names.map((name) => [name, randomBytes(1000)]));

      for (const [name, content] of bytes) await put(`${root}/${name}`, content);

      const listed = (await list(root)).body['files'] as unknown as { path: string }[];
      expect(listed.map(({ path }) => path).sort()).toEqual([...names].sort());
      for (const [name, content] of bytes) {
        const answer = await api().artifact('GET', `${root}/${name}`);
        expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
        expect(answer.headers.get('content-length')).toBe('1000');
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
        expect(answer.headers.get('content-disposition')).toMatch(/^attachment/);
      }
    });

    it('are listed folder by folder', async () => {
      const run = await api().run();
      const root = await rootOf(run);
      await put(`${root}/top.txt`, 'x');
      await put(`${root}/model/MLmodel`, 'flavors: {}');
      await put(`${root}/model/data/weights.bin`, 'ww');
      const top = [
        { path: 'model', is_dir: true },
        { path: 'top.txt', is_dir: false, file_size: 1 },
      ];

      expect((await list(root)).body).toEqual({ files: top });
      expect((await list(`${root}/model/`)).body).toEqual({
        files: [
          { path: 'MLmodel', is_dir: false, file_size: 11 },
          { path: 'data', is_dir: true },
        ],
      });
      expect(await list(`${root}/none`)).toMatchObject({ status: 200, text: '{}' });
      expect(await list(`${root}/top.txt`)).toMatchObject({ status: 200, text: '{}' });
      const byRun = await api().get('artifacts/list', { run_id: run });
      expect(byRun.body).toEqual({ root_uri: `mlflow-artifacts:/${root}`, files: top });
      const below = await api().get('artifacts/list', { run_uuid: run, path: 'model' });
      expect((below.body['files'] as unknown as Json[]).map((file) => file['path'])).toEqual([
        'model/MLmodel',
        'model/data',
      ]);
      const bytes = await fetch(`${api().url}/get-artifact?run_uuid=${run}&path=model/MLmodel`);
      expect(await bytes.text()).toBe('flavors: {}');
      expect(bytes.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    });

    it('are replaced and deleted, alone and by folder', async () => {
      const root = await rootOf(await api().run());
      for (const path of ['a.txt', 'd/b.txt', 'd/e/c.txt']) await put(`${root}/${path}`, 'old');
      await put(`${root}/a.txt`, 'new');
      const read = async (path: string) => (await api().artifact('GET', `${root}/${path}`)).text();

      expect(await read('a.txt')).toBe('new');
      expect((await api().artifact('DELETE', `${root}/a.txt`)).status).toBe(200);
      expect((await api().artifact('GET', `${root}/a.txt`)).status).toBe(404);
      expect((await api().artifact('DELETE', `${root}/d`)).status).toBe(200);
      expect((await list(root)).body).toEqual({});
    });

    it('may be big and come in pieces', async () => {
      const root = await rootOf(await api().run());
      const content = randomBytes(3_000_000);
      const pieces = async function* () {
        for (let at = 0; at < content.length; at += 100_000) {
          await Promise.resolve();
          yield content.subarray(at, at + 100_000);
        }
      };

      const answer = await fetch(`${api().url}${proxy}/artifacts/${root}/big.bin`, {
        method: 'PUT',
        body: Readable.from(pieces()),
        duplex: 'half',
      } as unknown as RequestInit);

      expect(answer.status).toBe(200);
      const read = await api().artifact('GET', `${root}/big.bin`);
      expect(Buffer.from(await read.arrayBuffer()).equals(content)).toBe(true);
    });

    it('that are not there are 404 in JSON', async () => {
      const root = await rootOf(await api().run());
      await put(`${root}/d/a.txt`, 'x');

      for (const path of ['none', 'd', 'd/a.txt/b']) {
        const reply = await api().call('GET', `${proxy}/artifacts/${root}/${path}`);
        expect(reply).toMatchObject(mistake('RESOURCE_DOES_NOT_EXIST', 404));
      }
      expect((await api().artifact('DELETE', `${root}/none`)).status).toBe(404);
    });

    it('are files or folders, never both', async () => {
      const root = await rootOf(await api().run());
      await put(`${root}/a`, 'x');
      await put(`${root}/d/b`, 'x');

      for (const path of ['a/b', 'd'])
        expect((await api().artifact('PUT', `${root}/${path}`, 'y')).status).toBe(400);
      expect(await (await api().artifact('GET', `${root}/a`)).text()).toBe('x');
    });

    it.each([
      '..%2f..%2fetc%2fpasswd',
      '1/..%2f..%2f..%2fetc%2fpasswd',
      '%2Fetc/passwd',
      'a%2F%2Fb',
      'C:%5cwindows',
      'a%5c..%5cb',
      '%00',
      'a%00b',
      '%',
      'a%',
    ])('cannot lie at %s', async (path) => {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const reply = await api().call(
          method,
          `${proxy}/artifacts/${path}`,
          method === 'PUT' ? 'x' : undefined,
        );
        expect(reply.status, `${method} ${reply.text}`).toBe(400);
        expect(reply.body['error_code']).toBe('INVALID_PARAMETER_VALUE');
      }
    });

    it.each(['../x', 'a/../..', '/etc', '\0'])('are not listed at %j', async (path) => {
      expect((await list(path)).status).toBe(400);
    });

    it('with names no store can hold are refused', async () => {
      const root = await rootOf(await api().run());

      for (const name of ['x'.repeat(300), 'a\nb'])
        expect((await api().artifact('PUT', `${root}/${name}`, 'x')).status).toBe(400);
    });

    it('are not uploaded in parts or by presigned addresses: clients fall back', async () => {
      for (const [method, path] of [
        ['POST', `${proxy}/mpu/create/1/x`],
        ['POST', `${proxy}/mpu/complete/1/x`],
        ['POST', `${proxy}/mpu/abort/1/x`],
        ['GET', `${proxy}/presigned/1/x`],
      ] as const)
        expect(await api().call(method, path, method === 'POST' ? {} : undefined)).toMatchObject(
          mistake('NOT_IMPLEMENTED', 501),
        );
    });
  });
}
