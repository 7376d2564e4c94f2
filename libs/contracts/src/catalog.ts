import type { EventContract } from './event.ts';
import * as featureStore from './feature-store.ts';
import * as ingestion from './ingestion.ts';
import * as mlflow from './mlflow.ts';
import * as monitor from './monitor.ts';
import * as oip from './oip.ts';
import type { Operation } from './operation.ts';
import * as registry from './registry.ts';
import * as router from './router.ts';
import * as tracking from './tracking.ts';
import * as trainer from './trainer.ts';

const files = [
  ingestion,
  featureStore,
  tracking,
  registry,
  trainer,
  router,
  monitor,
  oip,
  mlflow,
] as const;

/** Every event contract, by owner in the order of the lap. */
export function allEvents(): readonly EventContract[] {
  return declared().filter(isEvent);
}

/** Every HTTP operation of our own and those of standards that services call. */
export function allOperations(): readonly Operation[] {
  return declared().filter(isOperation);
}

/** In the order of their names, for loaders differ in the order they give. */
function declared(): unknown[] {
  return files.flatMap((file) =>
    Object.entries(file)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, value]) => value as unknown),
  );
}

function isEvent(value: unknown): value is EventContract {
  return isObject(value) && 'topic' in value && 'older' in value;
}

function isOperation(value: unknown): value is Operation {
  return isObject(value) && 'method' in value && 'reply' in value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
