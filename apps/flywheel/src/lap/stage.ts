import { monitor, registry, router } from '@flywheel/contracts';
import type { featureStore } from '@flywheel/contracts';
import { historyEnd, trainingFrom } from './build-features.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { Facts } from './step-list.ts';

/** Step 6: the baseline answers as champion, the boosted model runs as shadow; the monitor gets its reference. */
export async function stage({
  client,
  names,
  trainingSet,
  champion,
  candidate,
}: {
  client: LapClient;
  names: LapNames;
  trainingSet: featureStore.TrainingSet;
  champion: registry.ModelVersion;
  candidate: registry.ModelVersion;
}): Promise<{ facts: Facts }> {
  const reference = await client.call(
    monitor.putReference,
    {
      params: { endpoint: names.endpoint },
      body: {
        trainingSet: trainingSet.id,
        from: trainingFrom,
        to: historyEnd,
        falseAlarmsPerMonth: 1,
        minimumEffect: 0.05,
      },
    },
    { timeoutMs: 300_000 },
  );
  const deployment = await client.call(registry.deployEndpoint, {
    params: { endpoint: names.endpoint },
    body: {
      featureService: names.featureService,
      variants: [
        { model: champion.model, version: champion.version, role: 'champion' },
        { model: candidate.model, version: candidate.version, role: 'shadow' },
      ],
      changedBy: 'lap',
      reason: 'first stage: the candidate shadows the baseline',
    },
  });
  await waitForRevision(client, names.endpoint, deployment.revision);
  return {
    facts: {
      endpoint: names.endpoint,
      revision: deployment.revision,
      champion: champion.version,
      shadow: candidate.version,
      referenceFeatures: reference.features,
    },
  };
}

/** Waits until the router serves a revision with all its models loaded. */
export async function waitForRevision(
  client: LapClient,
  endpoint: string,
  revision: number,
): Promise<void> {
  await waitUntil(
    `revision ${revision} of ${endpoint} in the router`,
    () => client.call(router.getEndpointStatus, { params: { endpoint } }).catch(() => undefined),
    (status) => status !== undefined && status.revision >= revision && status.ready,
  );
}
