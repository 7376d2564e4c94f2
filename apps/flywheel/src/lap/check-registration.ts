import { mlflow, registry } from '@flywheel/contracts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';
import type { FinishedJob } from './train-release.ts';

/** Step 5: both results stand in the registry, with digests of every file and the lineage of job, data and code. */
export async function checkRegistration({
  client,
  names,
  baseline,
  boosted,
}: {
  client: LapClient;
  names: LapNames;
  baseline: FinishedJob;
  boosted: FinishedJob;
}): Promise<{ facts: Facts; champion: registry.ModelVersion; candidate: registry.ModelVersion }> {
  const champion = await registered(client, baseline);
  const candidate = await registered(client, boosted);
  await client.call(mlflow.mlflowSetAlias, {
    body: { name: names.model, alias: 'champion', version: String(champion.version) },
  });
  return {
    facts: {
      model: names.model,
      versions: `${champion.version}, ${candidate.version}`,
      files: champion.files.length + candidate.files.length,
      championDigest: champion.digest.slice(0, 12),
      candidateDigest: candidate.digest.slice(0, 12),
    },
    champion,
    candidate,
  };
}

async function registered(client: LapClient, job: FinishedJob): Promise<registry.ModelVersion> {
  const { model } = job.result;
  ensure(model !== null, `job ${job.name} registered no model version`);
  const version = await client.call(registry.getModelVersion, {
    params: { model: model.name, version: model.version },
  });
  ensure(
    version.lineage.runKey === job.runKey,
    `version ${version.version} does not name the run key of its job`,
  );
  ensure(
    version.lineage.trainingSet === job.spec?.trainingSet,
    `version ${version.version} does not name its training set`,
  );
  const onnx = version.files.find((file) => file.path === version.onnx);
  ensure(
    onnx?.sha256 === job.result.onnxSha256,
    `the ONNX file of version ${version.version} is not the one the job made`,
  );
  return version;
}
