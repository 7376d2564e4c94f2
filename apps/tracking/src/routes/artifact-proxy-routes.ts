import type { ObjectStore } from '@flywheel/storage';
import { artifactPath, folderPath } from '../artifacts/artifact-path.ts';
import { listFolder } from '../artifacts/list-folder.ts';
import { sendArtifact } from '../artifacts/send-artifact.ts';
import type { TrackingMetrics } from '../metrics.ts';
import { notOffered, notThere, refused } from '../wire/mlflow-errors.ts';
import { mlflowBytesRoute, mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http } from '../wire/mlflow-route.ts';

/** All artifacts lie below this prefix of the service's objects, by the path of their `mlflow-artifacts:` address. */
export const artifactRoot = 'artifacts';

type Parts = { objects: ObjectStore; metrics: TrackingMetrics };

/** Bytes of artifacts, through the server: clients need no credentials for the store. */
export function artifactProxyRoutes(http: Http, { objects, metrics }: Parts): void {
  const path = 'mlflow-artifacts/artifacts/*';
  const keyOf = (wildcard: string | undefined) => {
    const decoded = artifactPath(wildcard ?? '');
    if (decoded === '') throw refused('Invalid path', 'path');
    return `${artifactRoot}/${decoded}`;
  };
  mlflowBytesRoute(http, {
    name: 'upload-artifact',
    summary: 'Takes the bytes of an artifact',
    method: 'PUT',
    path,
    handler: async ({ wildcard, body, signal }) => {
      const { sizeBytes } = await objects.put(keyOf(wildcard), body, { signal });
      metrics.artifactBytes.add(sizeBytes, { direction: 'in' });
      return { body: {} };
    },
  });
  mlflowBytesRoute(http, {
    name: 'download-artifact',
    summary: 'Gives the bytes of an artifact',
    method: 'GET',
    path,
    handler: ({ wildcard, signal }) => sendArtifact(objects, keyOf(wildcard), { metrics, signal }),
  });
  mlflowBytesRoute(http, {
    name: 'delete-artifact',
    summary: 'Deletes an artifact, or a folder with all in it',
    method: 'DELETE',
    path,
    handler: async ({ wildcard, signal }) => {
      const key = keyOf(wildcard);
      const isFile = (await objects.stat(key, { signal })) !== undefined;
      const keys = isFile ? [key] : await keysBelow(objects, key, signal);
      if (keys.length === 0) throw notThere('No such artifact');
      for (const each of keys) await objects.delete(each, { signal });
      return { body: {} };
    },
  });
  mlflowRoute(http, {
    name: 'list-artifacts-of-proxy',
    summary: 'Lists a folder of artifacts',
    method: 'GET',
    path: 'mlflow-artifacts/artifacts',
    handler: async (given, { signal }) => {
      const folder = folderPath(given.text('path') ?? '');
      const key = folder === '' ? artifactRoot : `${artifactRoot}/${folder}`;
      const files = await listFolder(objects, key, signal);
      return files.length === 0 ? {} : { files };
    },
  });
  for (const [name, method, below] of [
    ['create-multipart-upload', 'POST', 'mpu/create/*'],
    ['complete-multipart-upload', 'POST', 'mpu/complete/*'],
    ['abort-multipart-upload', 'POST', 'mpu/abort/*'],
    ['presign-artifact', 'GET', 'presigned/*'],
  ] as const)
    mlflowBytesRoute(http, {
      name,
      summary: 'Not offered: artifacts go through the server',
      method,
      path: `mlflow-artifacts/${below}`,
      handler: () => {
        throw notOffered('This server does not offer multipart uploads and presigned addresses');
      },
    });
}

async function keysBelow(
  objects: ObjectStore,
  folder: string,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(`${folder}/`, { signal })) keys.push(key);
  return keys;
}
