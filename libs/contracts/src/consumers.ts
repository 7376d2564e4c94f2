import type { EventContract } from './event.ts';
import * as featureStore from './feature-store.ts';
import * as ingestion from './ingestion.ts';
import * as monitor from './monitor.ts';
import * as registry from './registry.ts';
import * as router from './router.ts';
import type { Owner } from './topics.ts';

/** Who reads an event, and what for. Whoever changes the event asks these first. */
export type Consumer = {
  readonly service: Owner;
  readonly event: EventContract;
  /** `group` shares the work among instances and commits offsets; with `watch` every instance reads all from the start. */
  readonly how: 'group' | 'watch';
  /** Consumer group; of a watch the beginning of its name. */
  readonly group: string;
  readonly purpose: string;
};

function grouped(
  service: Owner,
  event: EventContract,
  purpose: string,
  group: string = service,
): Consumer {
  return { service, event, how: 'group', group, purpose };
}

function watching(service: Owner, event: EventContract, purpose: string): Consumer {
  return { service, event, how: 'watch', group: `${service}.watch.`, purpose };
}

/** Every subscription of the seven services; a test compares it with what they subscribe to. */
export function allConsumers(): readonly Consumer[] {
  return [
    grouped('ingestion', ingestion.recordReceived, 'writes the lake'),
    grouped('ingestion', router.predictionsLogged, 'archives predictions in the lake'),
    grouped('ingestion', monitor.outcomesJoined, 'archives outcomes in the lake'),
    watching('feature-store', featureStore.definitionChanged, 'follows definitions made elsewhere'),
    grouped('feature-store', ingestion.recordReceived, 'keeps online features up to date'),
    grouped('feature-store', monitor.outcomesJoined, 'makes features of what came of predictions'),
    grouped('registry', monitor.reportPublished, 'gives the gate its evidence'),
    grouped('trainer', monitor.alertChanged, 'proposes a training job'),
    watching('router', registry.deploymentChanged, 'follows the routing state'),
    grouped('router', router.predictionsLogged, 'asks the shadows', 'router.shadows'),
    watching('monitor', registry.deploymentChanged, 'knows champion and candidates'),
    grouped('monitor', router.predictionsLogged, 'waits for their outcomes'),
    grouped('monitor', router.feedbackReceived, 'joins outcomes'),
    grouped('monitor', router.shadowPredictionsLogged, 'pairs shadows with champions'),
  ];
}
