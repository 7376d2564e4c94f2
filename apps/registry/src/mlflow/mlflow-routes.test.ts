import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry as contract, mlflow } from '@flywheel/contracts';
import type { registry as events } from '@flywheel/contracts';
import { sha256, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { startTestProcess } from '@flywheel/runtime/testing';
import { registry } from '../service.ts';
import { aTrackingService } from '../tracking.fixture.ts';

type Json = Record<string, unknown>;
type Reply = { status: number; body: Json };

const tracking = aTrackingService();
const changes: events.ModelVersion[] = [];
const kinds: string[] = [];
let system: Awaited<ReturnType<typeof startTestProcess>>;
let bus: Bus;

beforeAll(async () => {
  system = await startTestProcess([tracking, registry]);
  for (const folder of ['1/run1/artifacts/model', '1/models/m-1/artifacts'])
    for (const [path, text] of Object.entries(FILES))
      await tracking.files().put(`artifacts/${folder}/${path}`, Buffer.from(text));
  bus = await openBus({
    brokers: [system.addresses['kafka'] ?? ''],
    service: 'monitor',
    log: silentLogger,
  });
  bus.subscribe(contract.modelVersionChanged, ({ data }) => {
    kinds.push(data.change);
    changes.push(data.version);
    return Promise.resolve();
  });
  await bus.start();
}, 60_000);
afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await system[Symbol.asyncDispose]();
});

const FILES = { MLmodel: 'flavors:\n  onnx:\n    data: model.onnx\n', 'model.onnx': 'onnx bytes' };
const SOURCE = 'mlflow-artifacts:/1/run1/artifacts/model';

async function send(method: string, path: string, body?: unknown, type = 'application/json') {
  const answer = await fetch(`${system.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          body: typeof body === 'string' ? body : JSON.stringify(body),
          headers: { 'content-type': type },
        }),
  });
  return { status: answer.status, body: (await answer.json()) as Json } satisfies Reply;
}

const call = (method: string, path: string, body?: unknown) =>
  send(method, `/api/2.0/mlflow${path}`, body);
const get = (path: string, query: Record<string, string>) =>
  call('GET', `${path}?${new URLSearchParams(query).toString()}`);

async function aModel(name: string, versions = 0): Promise<string> {
  const created = await call('POST', '/registered-models/create', { name });
  expect(created.status).toBe(200);
  for (let number = 0; number < versions; number++)
    expect(await call('POST', '/model-versions/create', { name, source: SOURCE })).toMatchObject({
      status: 200,
    });
  return name;
}

const error = (status: number, error_code: string, message?: RegExp) => ({
  status,
  body: message
    ? { error_code, message: expect.stringMatching(message) as string }
    : { error_code },
});
const invalid = (message?: RegExp) => error(400, 'INVALID_PARAMETER_VALUE', message);
const gone = (message?: RegExp) => error(404, 'RESOURCE_DOES_NOT_EXIST', message);

describe('a registered model', () => {
  it('is created, read, described, renamed, tagged and deleted', async () => {
    const created = await call('POST', '/registered-models/create', {
      name: 'Flight Delay',
      description: 'late or not',
      tags: [{ key: 'team', value: 'ops' }],
    });

    expect(created).toMatchObject({
      status: 200,
      body: {
        registered_model: {
          name: 'Flight Delay',
          description: 'late or not',
          tags: [{ key: 'team', value: 'ops' }],
          creation_timestamp: expect.any(Number) as number,
          last_updated_timestamp: expect.any(Number) as number,
        },
      },
    });
    expect(created.body['registered_model']).not.toHaveProperty('latest_versions');
    const name = 'Flight Delay';
    expect(
      await call('PATCH', '/registered-models/update', { name, description: 'new' }),
    ).toMatchObject({ status: 200, body: { registered_model: { description: 'new' } } });
    const tag = { name, key: 'empty', value: '' };
    expect(await call('POST', '/registered-models/set-tag', tag)).toEqual({
      status: 200,
      body: {},
    });
    expect(await call('DELETE', '/registered-models/delete-tag', { name, key: 'team' })).toEqual({
      status: 200,
      body: {},
    });
    expect(await call('DELETE', '/registered-models/delete-tag', { name, key: 'team' })).toEqual({
      status: 200,
      body: {},
    });
    expect(
      await call('POST', '/registered-models/rename', { name, new_name: 'Delay' }),
    ).toMatchObject({
      status: 200,
      body: { registered_model: { name: 'Delay', tags: [{ key: 'empty', value: '' }] } },
    });
    expect(await get('/registered-models/get', { name })).toMatchObject(
      gone(/Registered Model with name=Flight Delay not found/),
    );
    expect(await call('DELETE', '/registered-models/delete', { name: 'Delay' })).toEqual({
      status: 200,
      body: {},
    });
    expect(await get('/registered-models/get', { name: 'Delay' })).toMatchObject(gone());
    expect(await call('DELETE', '/registered-models/delete', { name: 'Delay' })).toMatchObject(
      gone(),
    );
  });

  it('answers the same under the prefix of the pages', async () => {
    await aModel('ajax');

    const answer = await send('GET', '/ajax-api/2.0/mlflow/registered-models/get?name=ajax');

    expect(answer).toMatchObject({ status: 200, body: { registered_model: { name: 'ajax' } } });
  });

  it('exists once, however many create it at the same moment', async () => {
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => call('POST', '/registered-models/create', { name: 'race' })),
    );

    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const reply of replies.filter(({ status }) => status !== 200))
      expect(reply).toMatchObject(error(400, 'RESOURCE_ALREADY_EXISTS', /already exists/));
  });

  it('does not take a name that is taken', async () => {
    await aModel('taken-1');
    await aModel('taken-2');

    const renamed = await call('POST', '/registered-models/rename', {
      name: 'taken-1',
      new_name: 'taken-2',
    });

    expect(renamed).toMatchObject(error(400, 'RESOURCE_ALREADY_EXISTS'));
    expect(await get('/registered-models/get', { name: 'taken-1' })).toMatchObject({ status: 200 });
  });
});

describe('a version', () => {
  it('is known by the digests of its files and where it came from', async () => {
    await aModel('digests');

    const created = await call('POST', '/model-versions/create', {
      name: 'digests',
      source: SOURCE,
      run_id: 'run1',
      description: 'first',
      tags: [
        { key: mlflow.lineageTags.runKey, value: 'key-1' },
        { key: mlflow.lineageTags.snapshot, value: 'snapshot-1' },
      ],
    });

    expect(created).toMatchObject({
      status: 200,
      body: {
        model_version: {
          name: 'digests',
          version: '1',
          current_stage: 'None',
          status: 'READY',
          source: SOURCE,
          run_id: 'run1',
          description: 'first',
          user_id: '',
          run_link: '',
        },
      },
    });
    const lines = Object.entries(FILES).map(([path, text]) => `${path}\0${sha256(text)}\n`);
    expect(await send('GET', '/api/registry/models/digests/versions/1')).toMatchObject({
      status: 200,
      body: {
        digest: sha256(lines.join('')),
        files: Object.entries(FILES).map(([path, text]) => ({
          path,
          sizeBytes: text.length,
          sha256: sha256(text),
        })),
        onnx: 'model.onnx',
        folder: 'tracking/artifacts/1/run1/artifacts/model',
        lineage: { runKey: 'key-1', snapshot: 'snapshot-1', trainingSet: null, commit: null },
      },
    });
    expect(
      await get('/model-versions/get-download-uri', { name: 'digests', version: '1' }),
    ).toEqual({ status: 200, body: { artifact_uri: SOURCE } });
    await eventually(() => {
      expect(changes.find(({ model }) => model === 'digests')).toMatchObject({
        version: 1,
        digest: sha256(lines.join('')),
      });
    });
  });

  it('is made of a run, a logged model or another version, and says where the files are', async () => {
    await aModel('sources');
    const create = (source: string, more: object = {}) =>
      call('POST', '/model-versions/create', { name: 'sources', source, ...more });
    const uriOf = async (version: string) =>
      (await get('/model-versions/get-download-uri', { name: 'sources', version })).body[
        'artifact_uri'
      ];

    const replies = [
      await create('runs:/run1/model'),
      await create('models:/m-1'),
      await create('models:/sources/1'),
      await create('s3://elsewhere/model'),
      await create('runs:/unknown/model', { run_id: 'unknown' }),
      await create('models:/sources/5'),
    ];

    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(replies.map(({ body }) => (body['model_version'] as Json)['run_id'])).toEqual([
      'run1',
      'run1',
      'run1',
      '',
      'unknown',
      'unknown',
    ]);
    expect(replies[1]?.body).toMatchObject({ model_version: { model_id: 'm-1' } });
    expect(await Promise.all(['1', '2', '3', '4', '5', '6'].map(uriOf))).toEqual([
      'mlflow-artifacts:/1/run1/artifacts/model',
      'mlflow-artifacts:/1/models/m-1/artifacts',
      'mlflow-artifacts:/1/run1/artifacts/model',
      's3://elsewhere/model',
      'runs:/unknown/model',
      'runs:/unknown/model',
    ]);
    expect(await send('GET', '/api/registry/models/sources/versions/4')).toMatchObject({
      body: { files: [], onnx: null, folder: '' },
    });
  });

  it.each([
    ['/etc/passwd', /To use a local path as a model version/],
    ['file:///etc/passwd', /To use a local path as a model version/],
    ['model', /Invalid model version source/],
    ['s3://bucket/../other', /If supplying a source as an http, https,/],
    ['https://host/a/%2e%2e/b', /If supplying a source as an http, https,/],
    ['mlflow-artifacts:/1/../../registry/x', /If supplying a source as an http, https,/],
    ['mlflow-artifacts:/1/%2e%2e/x', /If supplying a source as an http, https,/],
    ['runs:/run1/../../1', /If supplying a source as an http, https,/],
    ['mlflow-artifacts:/1/run1/artifacts/empty', /no files/],
    ['runs:/run1/empty', /no files/],
    ['models:/sources@champion', /Invalid model version source/],
    ['models:/sources/latest', /Invalid model version source/],
    ['runs:/', /Invalid model version source/],
  ])('is not made of %s', async (source, message) => {
    const refused = await call('POST', '/model-versions/create', { name: 'digests', source });

    expect(refused).toMatchObject(invalid(message));
  });

  it('is not made of a model that is not there', async () => {
    const create = (source: string) =>
      call('POST', '/model-versions/create', { name: 'digests', source });

    expect(await create('models:/m-unknown')).toMatchObject(gone());
    expect(await create('models:/unknown/1')).toMatchObject(gone());
    expect(await create('models:/digests/9999999999')).toMatchObject(gone());
    expect(
      await call('POST', '/model-versions/create', { name: 'unknown', source: SOURCE }),
    ).toMatchObject(gone());
  });

  it('keeps its number to itself: not reused after deletion, of the version or of the model', async () => {
    await aModel('numbers', 10);
    const remove = (version: string) =>
      call('DELETE', '/model-versions/delete', { name: 'numbers', version });
    const create = async () =>
      (
        (await call('POST', '/model-versions/create', { name: 'numbers', source: SOURCE })).body[
          'model_version'
        ] as Json
      )['version'];

    await remove('10');
    await remove('3');
    expect(await create()).toBe('11');
    for (const version of ['1', '2', '4', '5', '6', '7', '8', '9', '11']) await remove(version);
    expect(await create()).toBe('12');
    expect(await remove('3')).toMatchObject(gone(/Model Version .+ not found/));
    await call('DELETE', '/registered-models/delete', { name: 'numbers' });
    await aModel('numbers');
    expect(await create()).toBe('13');
    await call('POST', '/registered-models/rename', { name: 'numbers', new_name: 'numbers-2' });
    await aModel('numbers');
    expect(await create()).toBe('14');
  });

  it('numbers follow one another when many register at the same moment', async () => {
    await aModel('crowd');

    const replies = await Promise.all(
      Array.from({ length: 8 }, () =>
        call('POST', '/model-versions/create', { name: 'crowd', source: SOURCE }),
      ),
    );

    const numbers = replies.map(({ body }) => Number((body['model_version'] as Json)['version']));
    expect(numbers.sort((left, right) => left - right)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('the latest is the highest number, not the last as text', async () => {
    await aModel('latest', 10);
    for (const version of ['1', '3', '4', '5', '6', '7', '8'])
      await call('DELETE', '/model-versions/delete', { name: 'latest', version });

    const latest = await call('POST', '/registered-models/get-latest-versions', { name: 'latest' });

    expect(latest.body).toMatchObject({ model_versions: [{ version: '10' }] });
    expect(await get('/registered-models/get-latest-versions', { name: 'latest' })).toEqual(latest);
    expect(
      await get('/registered-models/alias', { name: 'latest', alias: 'latest' }),
    ).toMatchObject({
      body: { model_version: { version: '10' } },
    });
  });

  it('is described and tagged', async () => {
    await aModel('described', 1);
    const version = { name: 'described', version: '1' };

    await call('PATCH', '/model-versions/update', { ...version, description: 'good' });
    await call('POST', '/model-versions/set-tag', { ...version, key: 'a', value: '1' });
    await call('POST', '/model-versions/set-tag', { ...version, key: 'a', value: '2' });
    await call('POST', '/model-versions/set-tag', { ...version, key: 'b', value: '' });
    await call('DELETE', '/model-versions/delete-tag', { ...version, key: 'none' });

    expect(await get('/model-versions/get', version)).toMatchObject({
      body: {
        model_version: {
          description: 'good',
          tags: [
            { key: 'a', value: '2' },
            { key: 'b', value: '' },
          ],
        },
      },
    });
    await eventually(() => {
      expect(changes.filter(({ model }) => model === 'described').at(-1)).toMatchObject({
        tags: { a: '2', b: '' },
      });
    });
  });

  it('that an endpoint serves is neither deleted nor renamed', async () => {
    await aModel('served', 2);
    const deployed = await send('PUT', '/api/registry/endpoints/served-endpoint', {
      variants: [{ model: 'served', version: 1, role: 'champion' }],
    });
    expect(deployed.status).toBe(200);

    const refusals = [
      await call('DELETE', '/model-versions/delete', { name: 'served', version: '1' }),
      await call('DELETE', '/registered-models/delete', { name: 'served' }),
      await call('POST', '/registered-models/rename', { name: 'served', new_name: 'other' }),
    ];

    for (const refusal of refusals)
      expect(refusal).toMatchObject(error(409, 'RESOURCE_CONFLICT', /served-endpoint/));
    expect(
      await call('DELETE', '/model-versions/delete', { name: 'served', version: '2' }),
    ).toMatchObject({ status: 200 });
  });

  it('gives single files as they were registered, and no others', async () => {
    await aModel('files', 1);
    const file = (path: string) =>
      fetch(
        `${system.url}/model-versions/get-artifact?${new URLSearchParams({ name: 'files', version: '1', path }).toString()}`,
      );

    const whole = await file('model.onnx');

    expect(await whole.text()).toBe('onnx bytes');
    expect((await file('model.pkl')).status).toBe(404);
    for (const path of ['../model/MLmodel', '/etc/passwd', '..%2fx', 'a/../MLmodel', ''])
      expect([path, (await file(path)).status]).toEqual([path, 400]);
    const key = 'artifacts/1/run1/artifacts/model/MLmodel';
    await tracking.files().put(key, Buffer.from('tampered'));
    await expect(file('MLmodel').then((answer) => answer.text())).rejects.toThrow();
    await tracking.files().put(key, Buffer.from(FILES.MLmodel));
  });
});

describe('an alias', () => {
  it('keeps its case', async () => {
    await aModel('cases', 2);
    const alias = (name: string, version: string) =>
      call('POST', '/registered-models/alias', { name: 'cases', alias: name, version });

    await alias('Champion', '1');
    await alias('champion', '2');

    const versionOf = async (name: string) =>
      (await get('/registered-models/alias', { name: 'cases', alias: name })).body;
    expect(await versionOf('Champion')).toMatchObject({ model_version: { version: '1' } });
    expect(await versionOf('champion')).toMatchObject({ model_version: { version: '2' } });
    expect(await get('/registered-models/get', { name: 'cases' })).toMatchObject({
      body: {
        registered_model: {
          aliases: [
            { alias: 'Champion', version: '1' },
            { alias: 'champion', version: '2' },
          ],
        },
      },
    });
    for (const reserved of ['latest', 'LATEST', 'V3', 'v1', 'a b', 'a/b'])
      expect(await alias(reserved, '1')).toMatchObject(invalid());
  });

  it('goes with its version and can be set again', async () => {
    const name = await aModel('dangling', 2);
    const set = (version: string) =>
      call('POST', '/registered-models/alias', { name, alias: 'champion', version });
    await set('2');

    await call('DELETE', '/model-versions/delete', { name, version: '2' });

    expect(await get('/registered-models/alias', { name, alias: 'champion' })).toMatchObject(
      invalid(/alias champion not found/),
    );
    const model = (await get('/registered-models/get', { name })).body['registered_model'];
    expect(model).not.toHaveProperty('aliases');
    expect(await set('2')).toMatchObject(gone());
    expect(await set('1')).toEqual({ status: 200, body: {} });
    expect(await get('/registered-models/alias', { name, alias: 'champion' })).toMatchObject({
      body: { model_version: { version: '1', aliases: ['champion'] } },
    });
  });

  it('is removed as often as one likes', async () => {
    const name = await aModel('removed-alias', 1);
    await call('POST', '/registered-models/alias', { name, alias: 'a', version: '1' });

    for (let round = 0; round < 2; round++)
      expect(await call('DELETE', '/registered-models/alias', { name, alias: 'a' })).toEqual({
        status: 200,
        body: {},
      });

    expect(await get('/registered-models/alias', { name, alias: 'a' })).toMatchObject(invalid());
    expect(await get('/registered-models/alias', { name: 'unknown', alias: 'a' })).toMatchObject(
      gone(),
    );
  });
});

describe('a stage', () => {
  it('is known in any case, and archives what was there in the same change', async () => {
    const name = await aModel('stages', 3);
    const move = (version: string, stage: string, more: object = {}) =>
      call('POST', '/model-versions/transition-stage', { name, version, stage, ...more });

    expect(await move('1', 'production')).toMatchObject({
      body: { model_version: { current_stage: 'Production' } },
    });
    await move('2', 'Production', { archive_existing_versions: true });

    const stageOf = async (version: string) =>
      ((await get('/model-versions/get', { name, version })).body['model_version'] as Json)[
        'current_stage'
      ];
    expect(await stageOf('1')).toBe('Archived');
    expect(
      await call('POST', '/registered-models/get-latest-versions', {
        name,
        stages: ['pRoduction'],
      }),
    ).toMatchObject({ body: { model_versions: [{ version: '2' }] } });
    expect(await move('1', 'Foo')).toMatchObject(invalid(/Invalid Model Version stage/));
    expect(await move('1', 'None', { archive_existing_versions: true })).toMatchObject(invalid());
    expect(await move('9', 'Staging')).toMatchObject(gone());
  });

  it('holds one version after ten moved there at the same moment', async () => {
    const name = await aModel('stage-race', 10);

    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        call('POST', '/model-versions/transition-stage', {
          name,
          version: String(index + 1),
          stage: 'Production',
          archive_existing_versions: true,
        }),
      ),
    );

    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    const { body } = await get('/model-versions/search', { filter: `name = '${name}'` });
    const stages = (body['model_versions'] as Json[]).map((version) => version['current_stage']);
    expect(stages.filter((stage) => stage === 'Production')).toHaveLength(1);
    expect(stages.filter((stage) => stage === 'Archived')).toHaveLength(9);
  });
});

describe('a search', () => {
  const names = (body: Json) =>
    ((body['registered_models'] ?? []) as Json[]).map((model) => model['name']);

  it('finds models that are no prompts, as every client asks', async () => {
    await aModel('plain-model');
    const tags = [{ key: 'mlflow.prompt.is_prompt', value: 'true' }];
    await call('POST', '/registered-models/create', { name: 'plain-prompt', tags });

    const search = async (filter: string) =>
      names((await get('/registered-models/search', { filter })).body);

    const is = "name LIKE 'plain-%' AND tag.`mlflow.prompt.is_prompt`";
    expect(await search(`${is} != 'true'`)).toEqual(['plain-model']);
    expect(await search(`${is} = 'true'`)).toEqual(['plain-prompt']);
  });

  it('keeps a prompt, which has no files', async () => {
    const tags = [
      { key: 'mlflow.prompt.is_prompt', value: 'true' },
      { key: 'mlflow.prompt.text', value: 'Hello {{name}}' },
    ];
    await call('POST', '/registered-models/create', { name: 'greeting', tags: tags.slice(0, 1) });

    const created = await call('POST', '/model-versions/create', {
      name: 'greeting',
      source: 'dummy-source',
      tags,
    });

    expect(created).toMatchObject({ body: { model_version: { version: '1', tags } } });
  });

  it('pages through models by name, of each once', async () => {
    const made = Array.from({ length: 7 }, (_, index) => `page-${index}`);
    for (const name of made) await aModel(name);
    const found: unknown[] = [];
    let token = '';

    do {
      const { status, body } = await get('/registered-models/search', {
        filter: "name ILIKE 'PAGE-_'",
        max_results: '3',
        ...(token === '' ? {} : { page_token: token }),
      });
      expect(status).toBe(200);
      found.push(...names(body));
      token = (body['next_page_token'] ?? '') as string;
    } while (token !== '');

    expect(found).toEqual(made);
  });

  it('compares names and tags as they are written', async () => {
    const odd = `it's 50%_\\ ‘😀`;
    await aModel(odd);
    const tag = { name: odd, key: 'a b.c', value: `x' AND name = 'y; DROP` };
    await call('POST', '/registered-models/set-tag', tag);

    const search = async (filter: string) =>
      names((await get('/registered-models/search', { filter })).body);

    expect(await search(`name = "${odd}"`)).toEqual([odd]);
    expect(await search(`name = '${odd.replaceAll("'", "''")}'`)).toEqual([odd]);
    expect(await search(`tags.\`a b.c\` = "${tag.value}"`)).toEqual([odd]);
    expect(await search(`name like '%\\ %'`)).toEqual([odd]);
    expect(await search(`tags.\`a b.c\` != 'z' aNd name iLike '%50\\%%'`)).toEqual([]);
    expect(await search(`tags.none != 'z' and name = "${odd}"`)).toEqual([]);
  });

  it('finds versions by number, run, source and tag, newest change first', async () => {
    const name = await aModel('found', 1);
    const create = (more: object) => call('POST', '/model-versions/create', { name, ...more });
    await create({ source: 's3://b/2', run_id: 'r2', tags: [{ key: 'k', value: 'v' }] });
    await create({ source: 's3://b/3', run_id: 'r3' });
    const search = async (filter: string, more: Record<string, string> = {}) => {
      const query = { filter: `name = '${name}'${filter}`, ...more };
      const { body } = await get('/model-versions/search', query);
      return ((body['model_versions'] ?? []) as Json[]).map((version) => version['version']);
    };

    expect(await search('')).toEqual(['3', '2', '1']);
    expect(await search(' and version_number >= 2')).toEqual(['3', '2']);
    expect(await search(' and version_number > 1 and version_number < 2.5')).toEqual(['2']);
    expect(await search(" and run_id IN ('r2', 'r3')")).toEqual(['3', '2']);
    expect(await search(" and attributes.run_id != 'r2'")).toEqual(['3']);
    expect(await search(" and source_path LIKE 's3://b/%'")).toEqual(['3', '2']);
    expect(await search(" and tags.k = 'v'")).toEqual(['2']);
    expect(await search('', { order_by: 'version_number ASC', max_results: '2' })).toEqual([
      '1',
      '2',
    ]);
    await call('PATCH', '/model-versions/update', { name, version: '1', description: 'x' });
    expect(await search('')).toEqual(['1', '3', '2']);
  });

  it.each([
    ['registered-models', { filter: "name = 'a' OR name = 'b'" }],
    ['registered-models', { filter: 'name' }],
    ['registered-models', { filter: "name > 'a'" }],
    ['registered-models', { filter: 'name = 5' }],
    ['registered-models', { filter: "creation_time = 'a'" }],
    ['registered-models', { filter: "name = 'a" }],
    ['registered-models', { filter: "metrics.a = 'b'" }],
    ['registered-models', { filter: "name = 'a'; drop table models" }],
    ['registered-models', { max_results: '0' }],
    ['registered-models', { max_results: '1001' }],
    ['registered-models', { max_results: 'x' }],
    ['registered-models', { max_results: '1.5' }],
    ['registered-models', { page_token: 'abc' }],
    ['registered-models', { order_by: 'description' }],
    ['registered-models', { order_by: 'name sideways' }],
    ['registered-models', { filter: "name = '\0'" }],
    ['model-versions', { filter: "version_number = '1'" }],
    ['model-versions', { filter: 'version_number LIKE 1' }],
    ['model-versions', { filter: 'run_id IN ()' }],
    ['model-versions', { filter: "name IN ('a')" }],
    ['model-versions', { max_results: '200001' }],
    ['model-versions', { order_by: 'run_id' }],
    ['model-versions', { page_token: Buffer.from('{"offset":-1}').toString('base64') }],
  ] as [string, Record<string, string>][])('of %s by %j is refused', async (what, query) => {
    expect(await get(`/${what}/search`, query)).toMatchObject(invalid());
  });
});

describe('what is wrong with a call', () => {
  it.each<[string, string, unknown, RegExp]>([
    ['POST', '/registered-models/create', {}, /Missing value for required parameter 'name'/],
    [
      'POST',
      '/registered-models/create',
      { name: '' },
      /Missing value for required parameter 'name'/,
    ],
    ['POST', '/registered-models/create', { name: null }, /Missing value for required parameter/],
    [
      'POST',
      '/registered-models/create',
      { name: 7 },
      /Invalid value 7 for parameter 'name' supplied/,
    ],
    ['POST', '/registered-models/create', { name: ' ' }, /cannot be empty/],
    ['POST', '/registered-models/create', { name: 'a/b' }, /Invalid Registered model name/],
    ['POST', '/registered-models/create', { name: 'a:b' }, /Invalid Registered model name/],
    ['POST', '/registered-models/create', { name: '..' }, /Invalid Registered model name/],
    ['POST', '/registered-models/create', { name: 'a\0b' }, /Invalid value/],
    ['POST', '/registered-models/create', '{"name":"a\\ud800"}', /Invalid value/],
    ['POST', '/registered-models/create', { name: 'x'.repeat(257) }, /exceeds the limit/],
    ['POST', '/registered-models/create', { name: 'x', description: 'y'.repeat(5001) }, /exceeds/],
    [
      'POST',
      '/registered-models/create',
      { name: 'x', tags: [{ value: 'v' }] },
      /'tags\[0\]\.key'/,
    ],
    ['POST', '/registered-models/create', { name: 'x', tags: {} }, /'tags' supplied/],
    [
      'POST',
      '/registered-models/create',
      { name: 'x', tags: [{ key: 'k'.repeat(251) }] },
      /exceeds/,
    ],
    [
      'POST',
      '/registered-models/create',
      { name: 'x', tags: [{ key: '../k' }] },
      /Invalid tag name/,
    ],
    ['POST', '/registered-models/create', [], /must be a JSON object/],
    ['POST', '/registered-models/create', '{"name":', /not valid JSON at position/],
    ['POST', '/model-versions/create', { name: 'x' }, /required parameter 'source'/],
    ['GET', '/model-versions/get?name=x', undefined, /required parameter 'version'/],
    ['GET', '/model-versions/get?name=x&version=one', undefined, /must be an integer, got 'one'/],
    ['GET', '/model-versions/get?name=x&version=1.5', undefined, /must be an integer/],
    ['DELETE', '/registered-models/delete', undefined, /required parameter 'name'/],
    ['DELETE', '/model-versions/delete-tag', { name: 'x', version: '1' }, /parameter 'key'/],
    ['POST', '/model-versions/transition-stage', { name: 'x', version: '1' }, /'stage'/],
  ])('%s %s %j', async (method, path, body, message) => {
    expect(await call(method, path, body)).toMatchObject(invalid(message));
  });

  it('a form is no JSON, and nothing is stored of it', async () => {
    const path = '/api/2.0/mlflow/registered-models/create';

    const form = await send('POST', path, '{"name":"form"}', 'application/x-www-form-urlencoded');

    expect(form).toMatchObject(invalid(/Content-Type/));
    expect(await get('/registered-models/get', { name: 'form' })).toMatchObject(gone());
    expect(
      await send('POST', path, '{"name":"form"}', 'application/json; charset=utf-8'),
    ).toMatchObject({ status: 200 });
  });

  it('numbers of versions come as text or number, beyond any version too', async () => {
    await aModel('typed', 1);

    expect(
      await call('POST', '/model-versions/set-tag', {
        name: 'typed',
        version: 1,
        key: 'k',
        value: 'v',
      }),
    ).toMatchObject({ status: 200 });
    for (const version of ['0', '-1', '99', '99999999999999999999', '9007199254740993'])
      expect((await get('/model-versions/get', { name: 'typed', version })).status).toBeOneOf([
        400, 404,
      ]);
    expect(
      await call('DELETE', '/model-versions/delete', '{"name":"typed","version":9007199254740993}'),
    ).toMatchObject(gone());
  });

  it('unknown members do no harm, unknown paths and methods are told in the same form', async () => {
    expect(
      await call('POST', '/registered-models/create', { name: 'members', unknown: [1] }),
    ).toMatchObject({ status: 200 });
    expect(await call('GET', '/registered-models/none')).toMatchObject(
      error(404, 'ENDPOINT_NOT_FOUND'),
    );
    expect(await call('POST', '/registered-models/get', {})).toMatchObject({
      status: 405,
      body: { error_code: expect.any(String) as string },
    });
  });
});

it('every change of a version is told once', async () => {
  const name = await aModel('told', 1);
  const version = { name, version: '1' };
  await call('POST', '/registered-models/alias', { ...version, alias: 'a' });
  await call('POST', '/model-versions/set-tag', { ...version, key: 'k', value: 'v' });
  await call('POST', '/model-versions/transition-stage', { ...version, stage: 'Staging' });
  await call('DELETE', '/model-versions/delete', version);

  await eventually(() => {
    const told = kinds.filter((_, index) => changes[index]?.model === name);
    expect(told).toEqual(['registered', 'aliased', 'tagged', 'staged', 'deleted']);
  });
  expect(changes.filter(({ model }) => model === name).at(-1)).toMatchObject({ aliases: [] });
});
