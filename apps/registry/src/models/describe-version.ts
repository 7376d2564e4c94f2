import { mlflow } from '@flywheel/contracts';
import type { registry } from '@flywheel/contracts';
import type { VersionRow } from './model-rows.ts';

/** A version in our own words, with digests and lineage. */
export function describeVersion(row: VersionRow): registry.ModelVersion {
  const tags = Object.fromEntries(row.tags.map(({ key, value }) => [key, value]));
  const lineage = (tag: string) => tags[tag] ?? null;
  return {
    model: row.model,
    version: row.version,
    digest: row.digest,
    files: row.files,
    folder: row.folder,
    onnx: row.onnx,
    run: row.run,
    createdAt: new Date(Number(row.created_ms)).toISOString(),
    aliases: row.aliases,
    tags,
    lineage: {
      runKey: lineage(mlflow.lineageTags.runKey),
      snapshot: lineage(mlflow.lineageTags.snapshot),
      trainingSet: lineage(mlflow.lineageTags.trainingSet),
      commit: lineage(mlflow.lineageTags.commit),
    },
  };
}
