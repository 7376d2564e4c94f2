import { tracking } from '@flywheel/contracts';
import type { RawReply } from '@flywheel/http';
import type { ObjectStore } from '@flywheel/storage';
import type { TrackingMetrics } from '../metrics.ts';
import { missing, refused } from '../wire/mlflow-errors.ts';
import { checkArtifactPath } from './artifact-path.ts';
import { listFolder } from './list-folder.ts';
import type { FolderEntry } from './list-folder.ts';
import { sendArtifact } from './send-artifact.ts';

const ownPrefix = 'tracking/';

/** A folder of the artifacts of a run or a model; paths are relative to its root. */
export async function listArtifacts(
  objects: ObjectStore,
  rootUri: string,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<{ root_uri: string; files?: FolderEntry[] }> {
  const root = keyOf(rootUri);
  const entries = await listFolder(objects, folder === '' ? root : `${root}/${folder}`, signal);
  const files = entries.map((entry) =>
    folder === '' ? entry : { ...entry, path: `${folder}/${entry.path}` },
  );
  return { root_uri: rootUri, ...(files.length === 0 ? {} : { files }) };
}

/** The bytes of an artifact of a run or a model. */
export function sendArtifactOf(
  objects: ObjectStore,
  rootUri: string,
  how: { path: string; metrics: TrackingMetrics; signal: AbortSignal },
): Promise<RawReply> {
  return sendArtifact(objects, artifactKey(rootUri, how.path), how);
}

/** Where an artifact lies among the service's objects. */
export function artifactKey(rootUri: string, path: string): string {
  if (path === '') throw missing('path');
  return `${keyOf(rootUri)}/${checkArtifactPath(path)}`;
}

function keyOf(rootUri: string): string {
  const key = tracking.artifactObjectKey(rootUri);
  if (key === undefined)
    throw refused('The artifacts lie in a store that this server does not reach', 'run_id');
  return key.slice(ownPrefix.length);
}
