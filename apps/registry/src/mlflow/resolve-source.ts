import { AppError, sha256 } from '@flywheel/core';
import { mlflow, tracking } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import { readArtifactFolder } from '../models/artifact-folder.ts';
import type { ArtifactFolder } from '../models/artifact-folder.ts';
import type { ModelStore } from '../models/model-store.ts';
import { notThere, refused } from './mlflow-errors.ts';

export type SourceRequest = {
  source: string;
  run: string | undefined;
  loggedModel: string | undefined;
  isPrompt: boolean;
};
export type ResolvedSource = {
  run: string | undefined;
  loggedModel: string | undefined;
  folder: ArtifactFolder;
};
type Parts = { peers: Peers; objects: PublicObjects; models: ModelStore };

/**
 * What a version is made of. Sources within the platform are read and digested file by file. A source elsewhere is
 * kept as it is told: a version of it can be registered, never deployed.
 */
export async function resolveSource(parts: Parts, request: SourceRequest): Promise<ResolvedSource> {
  const { source, run, loggedModel } = request;
  const as = { run, loggedModel };
  if (request.isPrompt) return { ...as, folder: withoutFiles(source) };
  const [, scheme = '', rest = ''] = /^([a-zA-Z][\w+.-]*):(.*)$/s.exec(source) ?? [];
  switch (scheme.toLowerCase()) {
    case 'mlflow-artifacts':
      return { ...as, folder: await read(parts, source, source) };
    case 'runs':
      return fromRun(parts, request, rest);
    case 'models':
      return fromModel(parts, request, rest);
    case '':
    case 'file':
      throw localPath(source);
    default:
      return { ...as, folder: elsewhere(source) };
  }
}

/** Where clients download a version from. */
export function downloadUri(version: { folder: string; source: string }): string {
  return version.folder === ''
    ? version.source
    : version.folder.replace(/^tracking\/artifacts\//, 'mlflow-artifacts:/');
}

async function fromRun(
  parts: Parts,
  { source, run, loggedModel }: SourceRequest,
  rest: string,
): Promise<ResolvedSource> {
  const [, id = '', path = ''] = /^\/*([^/]+)\/?(.*)$/s.exec(rest) ?? [];
  if (id === '') throw invalidSource(source, 'A run is told as runs:/<run_id>/<path>.');
  const { artifact_uri } = await askForRun(parts, id);
  const uri = `${artifact_uri.replace(/\/+$/, '')}/${path}`;
  return { run: run ?? id, loggedModel, folder: await read(parts, uri, source) };
}

async function askForRun({ peers }: Parts, id: string): Promise<{ artifact_uri: string }> {
  try {
    return (await peers.call(mlflow.mlflowGetRun, { query: { run_id: id } })).run.info;
  } catch (error) {
    if (isUnknown(error)) throw notThere(`Run with id=${id} not found`);
    throw error;
  }
}

/** `models:/m-<id>` is a logged model, `models:/<name>/<version>` a version whose files this one shares. */
async function fromModel(
  parts: Parts,
  { source, run, loggedModel }: SourceRequest,
  rest: string,
): Promise<ResolvedSource> {
  const [name = '', version, ...more] = rest.replace(/^\/+/, '').split('/');
  if (more.length === 0 && version === undefined && name.startsWith('m-')) {
    const info = await askForLoggedModel(parts, name);
    return {
      run: run ?? info.source_run_id,
      loggedModel: loggedModel ?? name,
      folder: await read(parts, info.artifact_uri, source),
    };
  }
  if (more.length > 0 || version === undefined || !/^\d+$/.test(version))
    throw invalidSource(source, 'A model is told as models:/<name>/<version> or models:/m-<id>.');
  const copied = await parts.models.findVersion(name, Number(version));
  if (!copied) throw notThere(`Model Version (name=${name}, version=${version}) not found`);
  const { folder, files, digest, onnx } = copied;
  return { run, loggedModel, folder: { folder, files, digest, onnx } };
}

async function askForLoggedModel({ peers }: Parts, id: string) {
  try {
    return (await peers.call(mlflow.mlflowGetLoggedModel, { params: { model_id: id } })).model.info;
  } catch (error) {
    if (isUnknown(error)) throw notThere(`Logged model with ID '${id}' not found.`);
    throw error;
  }
}

async function read(
  { objects }: Parts,
  artifactUri: string,
  source: string,
): Promise<ArtifactFolder> {
  const folder = tracking.artifactObjectKey(artifactUri);
  if (folder === undefined || !isPlainPath(folder)) throw relativePath(source);
  return readArtifactFolder(objects, folder);
}

/** Whatever decodes it later, a path that climbs is never followed. */
function isPlainPath(folder: string): boolean {
  return (
    !/%2e|%2f|%5c|\\|[#?]/i.test(folder) &&
    folder.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

function elsewhere(source: string): ArtifactFolder {
  if (/(^|[/\\])\.\.?([/\\?#]|$)/.test(source) || /%2e|%2f|%5c|%23/i.test(source))
    throw relativePath(source);
  return withoutFiles(source);
}

function withoutFiles(source: string): ArtifactFolder {
  return { folder: '', files: [], digest: sha256(`elsewhere\0${source}\n`), onnx: null };
}

function isUnknown(error: unknown): boolean {
  return error instanceof AppError && error.status < 500;
}

function invalidSource(source: string, why: string): AppError {
  return refused(`Invalid model version source: '${source}'. ${why}`, 'source');
}

function localPath(source: string): AppError {
  return invalidSource(
    source,
    'To use a local path as a model version source, the files have to be logged to the run first: the server cannot see the paths of its clients.',
  );
}

function relativePath(source: string): AppError {
  return invalidSource(
    source,
    'If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present.',
  );
}
