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
    onnx: await findOnnx(objects, folder, files),
  };
}

const LONGEST_MLMODEL = 1_000_000;

/** The file that MLmodel names; without it `model.onnx`, or the only file of the kind. */
async function findOnnx(
  objects: PublicObjects,
  folder: string,
  files: readonly ArtifactFile[],
): Promise<string | null> {
  const models = files.map(({ path }) => path).filter((path) => path.endsWith('.onnx'));
  const mlmodel = files.find(({ path }) => path === 'MLmodel');
  if (mlmodel && mlmodel.sizeBytes <= LONGEST_MLMODEL) {
    const text = await objects.get(`${folder}/MLmodel`);
    const named = text && onnxOfMlmodel(Buffer.from(text).toString());
    if (named !== undefined && files.some(({ path }) => path === named)) return named;
  }
  if (models.includes('model.onnx')) return 'model.onnx';
  return models.length === 1 ? (models[0] ?? null) : null;
}

/** `flavors.onnx.data` of an MLmodel file, which programs write in block style, two spaces a level. */
export function onnxOfMlmodel(text: string): string | undefined {
  const flavors = /^flavors:[ \t]*\r?\n((?:[ \t]+.*(?:\r?\n|$))*)/m.exec(text)?.[1] ?? '';
  const onnx = /^ {2}onnx:[ \t]*\r?\n((?: {3,}.*(?:\r?\n|$))*)/m.exec(flavors)?.[1] ?? '';
  return /^ {4}data:[ \t]+(["']?)(.+?)\1[ \t]*\r?$/m.exec(onnx)?.[2];
}
