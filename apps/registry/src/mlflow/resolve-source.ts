import { AppError, sha256 } from '@flywheel/core';
import { mlflow, tracking } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import { readArtifactFolder } from '../models/artifact-folder.ts';
import type { ArtifactFolder } from '../models/artifact-folder.ts';
import type { Tag } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { notThere, refused, versionNotThere } from './mlflow-errors.ts';
import { absolutePathNeeded, checkElsewhere, isPlainPath, localPath } from './source-rules.ts';

export type SourceParts = {
  models: ModelStore;
  peers: Pick<Peers, 'call'>;
  objects: PublicObjects;
};
type SourceRequest = {
  source: string;
  run: string | undefined;
  loggedModel: string | undefined;
  tags: readonly Tag[];
};
type ResolvedSource = {
  run: string | undefined;
  loggedModel: string | undefined;
  /** Where clients download the files from. */
  location: string;
  folder: ArtifactFolder;
};

const RUN_AND_PATH = /^\/*([^/]+)(?:\/+(.*))?$/s;

/**
 * What a version is made of. Sources within the platform are read and digested file by file. A source elsewhere (also
 * a run that our tracking does not know) is kept as it is told: a version of it can be registered, never deployed.
 */
export async function resolveSource(
  parts: SourceParts,
  request: SourceRequest,
): Promise<ResolvedSource> {
  const { source, tags } = request;
  if (tags.some(({ key, value }) => key === 'mlflow.prompt.is_prompt' && value === 'true'))
    return elsewhere(request, tags.find(({ key }) => key === 'mlflow.prompt.text')?.value);
  const [, scheme = '', rest = ''] = /^([a-z][a-z\d+.-]*):(.*)$/is.exec(source) ?? [];
  switch (scheme.toLowerCase()) {
    case 'mlflow-artifacts':
      return fromArtifacts(parts, request, source);
    case 'runs':
      return fromRun(parts, request, rest);
    case 'models':
      return fromModel(parts, request, rest.replace(/^\/+/, ''));
    case '':
    case 'file':
      throw localPath(source);
    default:
      checkElsewhere(source);
      return elsewhere(request, source);
  }
}

async function fromArtifacts(
  { objects }: SourceParts,
  { source, run, loggedModel }: SourceRequest,
  artifactUri: string,
): Promise<ResolvedSource> {
  const folder = tracking.artifactObjectKey(artifactUri);
  if (folder === undefined || !isPlainPath(folder)) throw absolutePathNeeded(source);
  const location = folder.replace(/^tracking\/artifacts\//, 'mlflow-artifacts:/');
  return { run, loggedModel, location, folder: await readArtifactFolder(objects, folder) };
}

async function fromRun(
  parts: SourceParts,
  request: SourceRequest,
  rest: string,
): Promise<ResolvedSource> {
  const { source } = request;
  const [, id = '', path = ''] = RUN_AND_PATH.exec(rest) ?? [];
  if (id === '' || (path !== '' && !isPlainPath(path.replace(/\/+$/, ''))))
    throw absolutePathNeeded(source);
  const known = await unlessUnknown(() =>
    parts.peers.call(mlflow.mlflowGetRun, { query: { run_id: id } }),
  );
  if (!known) return elsewhere(request, source);
  const uri = `${known.run.info.artifact_uri.replace(/\/+$/, '')}/${path}`;
  return fromArtifacts(parts, { ...request, run: request.run ?? id }, uri);
}

/** `models:/m-<id>` is a logged model, `models:/<name>/<version>` a version whose files this one shares. */
async function fromModel(
  parts: SourceParts,
  request: SourceRequest,
  path: string,
): Promise<ResolvedSource> {
  const { source, run, loggedModel } = request;
  if (/^m-[^/@]+$/.test(path)) return fromLoggedModel(parts, request, path);
  const [, name = '', version = ''] = /^([^/]+)\/(\d{1,10})$/.exec(path) ?? [];
  if (name === '')
    throw refused(
      `Invalid model version source: '${source}'. A model is told as models:/<name>/<version> or models:/m-<id>.`,
      'source',
    );
  const copied = await parts.models.findVersion(name, Number(version));
  if (!copied) throw versionNotThere(name, version);
  const { location, folder, files, digest, onnx } = copied;
  return {
    run: run ?? copied.run ?? undefined,
    loggedModel: loggedModel ?? copied.logged_model ?? undefined,
    location,
    folder: { folder, files, digest, onnx },
  };
}

async function fromLoggedModel(
  parts: SourceParts,
  request: SourceRequest,
  id: string,
): Promise<ResolvedSource> {
  const known = await unlessUnknown(() =>
    parts.peers.call(mlflow.mlflowGetLoggedModel, { params: { model_id: id } }),
  );
  if (!known) throw notThere(`Logged model with ID '${id}' not found.`);
  const { artifact_uri, source_run_id } = known.model.info;
  const run = request.run ?? (source_run_id === '' ? undefined : source_run_id);
  const loggedModel = request.loggedModel ?? id;
  return fromArtifacts(parts, { ...request, run, loggedModel }, artifact_uri);
}

/** Without files of ours: the digest is of the text that says what it is. */
function elsewhere({ source, run, loggedModel }: SourceRequest, content = source): ResolvedSource {
  const digest = sha256(`elsewhere\0${content}\n`);
  return {
    run,
    loggedModel,
    location: source,
    folder: { folder: '', files: [], digest, onnx: null },
  };
}

async function unlessUnknown<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'not_found' || error.code === 'invalid_argument')
    )
      return undefined;
    throw error;
  }
}
