import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { sha256 } from '@flywheel/core';
import type { PublicObjects } from '@flywheel/runtime';
import { onnxOfMlmodel, readArtifactFolder } from './artifact-folder.ts';

/** Objects in memory, listed in the order of their keys. */
function objectsOf(texts: Readonly<Record<string, string>>): PublicObjects {
  const bytes = new Map(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text)]));
  return {
    get: (key) => Promise.resolve(bytes.get(key)),
    stat: (key) => {
      const found = bytes.get(key);
      return Promise.resolve(found && { sizeBytes: found.length, modifiedMs: 0 });
    },
    open: (key) => {
      const found = bytes.get(key);
      return Promise.resolve(found && { sizeBytes: found.length, body: Readable.from([found]) });
    },
    async *list(prefix) {
      for (const [key, found] of [...bytes].sort())
        if (key.startsWith(prefix))
          yield await Promise.resolve({ key, sizeBytes: found.length, modifiedMs: 0 });
    },
    localFile: () => Promise.reject(new Error('no files here')),
  };
}

const MLMODEL = `artifact_path: model
flavors:
  onnx:
    code: null
    data: net.onnx
    onnx_version: 1.17.0
  python_function:
    data: model.onnx
    loader_module: mlflow.onnx
signature:
  inputs: '[]'
`;

describe('a folder of artifacts', () => {
  it('is known by path and digest of every file, and by one digest over all', async () => {
    const objects = objectsOf({
      'f/model.onnx': 'onnx',
      'f/a/b.txt': 'deep',
      'f/B': 'upper case sorts first',
      'fx/other': 'another folder',
    });

    const folder = await readArtifactFolder(objects, 'f');

    expect(folder.files.map(({ path }) => path)).toEqual(['B', 'a/b.txt', 'model.onnx']);
    expect(folder.files[1]).toEqual({ path: 'a/b.txt', sizeBytes: 4, sha256: sha256('deep') });
    expect(folder.digest).toBe(
      sha256(
        `B\0${sha256('upper case sorts first')}\na/b.txt\0${sha256('deep')}\nmodel.onnx\0${sha256('onnx')}\n`,
      ),
    );
    expect(folder.onnx).toBe('model.onnx');
  });

  it('has another digest when a byte, a name or a file changes', async () => {
    const digestOf = async (texts: Record<string, string>) =>
      (await readArtifactFolder(objectsOf(texts), 'f')).digest;

    const digests = await Promise.all([
      digestOf({ 'f/a': 'x', 'f/b': 'y' }),
      digestOf({ 'f/a': 'x', 'f/b': 'z' }),
      digestOf({ 'f/a': 'x', 'f/c': 'y' }),
      digestOf({ 'f/a': 'y', 'f/b': 'x' }),
      digestOf({ 'f/a': 'x' }),
    ]);

    expect(new Set(digests).size).toBe(digests.length);
  });

  it('without a file is refused', async () => {
    await expect(readArtifactFolder(objectsOf({ 'fx/a': 'x' }), 'f')).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });

  it.each<[string, Record<string, string>, string | null]>([
    [
      'the one that MLmodel names',
      { MLmodel: MLMODEL, 'net.onnx': '', 'model.onnx': '' },
      'net.onnx',
    ],
    [
      'model.onnx if the named one is not there',
      { MLmodel: MLMODEL, 'model.onnx': '' },
      'model.onnx',
    ],
    ['the only one there is', { 'deep/net.onnx': '', 'other.txt': '' }, 'deep/net.onnx'],
    ['none of two that nobody names', { 'a.onnx': '', 'b.onnx': '' }, null],
    ['none where there is none', { MLmodel: 'flavors:\n  sklearn:\n    data: x\n', x: '' }, null],
  ])('has as ONNX file %s', async (_, texts, expected) => {
    const objects = objectsOf(
      Object.fromEntries(Object.entries(texts).map(([path, text]) => [`f/${path}`, text])),
    );

    expect((await readArtifactFolder(objects, 'f')).onnx).toBe(expected);
  });
});

it.each<[string, string | undefined]>([
  [MLMODEL, 'net.onnx'],
  [MLMODEL.replaceAll('\n', '\r\n'), 'net.onnx'],
  ["flavors:\n  onnx:\n    data: 'my net.onnx'\n", 'my net.onnx'],
  ['flavors:\n  python_function:\n    data: model.onnx\n', undefined],
  ['onnx:\n    data: model.onnx\nflavors:\n  sklearn: {}\n', undefined],
  ['flavors: {}\n', undefined],
  ['', undefined],
])('an MLmodel file %j names %s', (text, expected) => {
  expect(onnxOfMlmodel(text)).toBe(expected);
});
