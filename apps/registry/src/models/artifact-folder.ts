import { createHash } from 'node:crypto';
import { AppError, sha256 } from '@flywheel/core';
import type { PublicObjects } from '@flywheel/runtime';

export type ArtifactFile = { path: string; sizeBytes: number; sha256: string };
export type ArtifactFolder = {
  folder: string;
  files: ArtifactFile[];
  digest: string;
  onnx: string | null;
};

/**
 * Reads every file of a model's folder and says what it is: digests of the files, one digest over all (sorted lines of
 * path and digest), and which file is the ONNX model. A byte that changes later is noticed by them.
 */
export async function readArtifactFolder(
  objects: PublicObjects,
  folder: string,
): Promise<ArtifactFolder> {
  const files: ArtifactFile[] = [];
  for await (const { key, sizeBytes } of objects.list(`${folder}/`)) {
    const stored = await objects.open(key);
    if (!stored) continue;
    const hash = createHash('sha256');
    for await (const chunk of stored.body) hash.update(chunk as Uint8Array);
    files.push({ path: key.slice(folder.length + 1), sizeBytes, sha256: hash.digest('hex') });
  }
  if (files.length === 0)
    throw new AppError('invalid_argument', 'source: there are no files under it', {
      details: { field: 'source', rule: 'must be a folder with files', folder },
    });
  files.sort((left, right) => (left.path < right.path ? -1 : 1));
  return {
    folder,
    files,
    digest: sha256(files.map((file) => `${file.path}\0${file.sha256}\n`).join('')),
    onnx: onnxFile(files),
  };
}

function onnxFile(files: readonly ArtifactFile[]): string | null {
  const models = files.filter((file) => file.path.endsWith('.onnx'));
  return (models.find((file) => file.path === 'model.onnx') ?? models[0])?.path ?? null;
}
