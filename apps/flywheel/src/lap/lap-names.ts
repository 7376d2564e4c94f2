import { featureStore, ingestion } from '@flywheel/contracts';
import type { LapClient } from './lap-client.ts';

/** Names of one lap's things. A platform that holds laps already gets a world of its own: simulated time starts anew. */
export type LapNames = {
  dataset: string;
  endpoint: string;
  model: string;
  experiment: string;
  originView: string;
  routeView: string;
  featureService: string;
};

export async function chooseNames(client: LapClient): Promise<LapNames> {
  const { datasets } = await client.call(ingestion.listDatasets, { query: {} });
  const { services } = await client.call(featureStore.listDefinitions, {});
  const taken = new Set([
    ...datasets.map((dataset) => dataset.name),
    ...services.map((service) => service.name),
  ]);
  let suffix = '';
  for (let lap = 2; taken.has(`flights${suffix}`) || taken.has(`flight-delay${suffix}`); lap++)
    suffix = `-${lap}`;
  return {
    dataset: `flights${suffix}`,
    endpoint: `flight-delay${suffix}`,
    model: `flight-delay${suffix}`,
    experiment: `flight-delay${suffix}`,
    originView: `origin_history${suffix.replace('-', '_')}`,
    routeView: `route_history${suffix.replace('-', '_')}`,
    featureService: `flight-delay${suffix}`,
  };
}
