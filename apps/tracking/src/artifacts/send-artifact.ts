import type { RawReply } from '@flywheel/http';
import type { ObjectStore } from '@flywheel/storage';
import type { TrackingMetrics } from '../metrics.ts';
import { notThere } from '../wire/mlflow-errors.ts';
import { contentTypeOf } from './content-type.ts';

/** The bytes of an artifact as a download; a browser must neither guess its type nor show it. */
export async function sendArtifact(
  objects: ObjectStore,
  key: string,
  { metrics, signal }: { metrics: TrackingMetrics; signal: AbortSignal },
): Promise<RawReply> {
  const found = await objects.open(key, { signal });
  const name = key.slice(key.lastIndexOf('/') + 1);
  if (!found) throw notThere(`No such artifact: '${name}'`);
  metrics.artifactBytes.add(found.sizeBytes, { direction: 'out' });
  return {
    headers: {
      'content-type': contentTypeOf(name),
      'content-length': String(found.sizeBytes),
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, escaped)}`,
      'x-content-type-options': 'nosniff',
    },
    body: found.body,
  };
}

function escaped(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
