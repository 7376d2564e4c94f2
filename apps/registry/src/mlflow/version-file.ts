import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { AppError } from '@flywheel/core';
import type { RawReply } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import type { ArtifactFile } from '../models/artifact-folder.ts';
import type { ModelStore } from '../models/model-store.ts';
import { notThere, refused } from './mlflow-errors.ts';
import type { Parameters } from './parameters.ts';
import { versionOf } from './registry-lookups.ts';
import { isPlainPath } from './source-rules.ts';

/**
 * One file of a version. Only a path the version was registered with is served, so that none leads anywhere else; and
 * bytes that are no longer those of the registration end in a cut connection.
 */
export async function versionFile(
  { models, objects }: { models: ModelStore; objects: PublicObjects },
  given: Parameters,
): Promise<RawReply> {
  const path = given.required('path');
  const version = await versionOf(models, given);
  if (!isPlainPath(path)) throw refused('Invalid path', 'path');
  const file = version.files.find((known) => known.path === path);
  const stored = file && (await objects.open(`${version.folder}/${file.path}`));
  if (!stored) throw notThere(`No such artifact: '${path.slice(0, 500)}'`);
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(path.split('/').at(-1) ?? path)}`,
      'x-content-type-options': 'nosniff',
    },
    body: Readable.from(unchanged(stored.body, file), { objectMode: false }),
  };
}

async function* unchanged(
  body: AsyncIterable<Uint8Array>,
  file: ArtifactFile,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== file.sha256)
    throw new AppError('internal', 'an artifact is not what was registered', {
      details: { path: file.path, sha256: file.sha256 },
    });
}
