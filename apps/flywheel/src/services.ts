import { featureStore } from '@flywheel/feature-store';
import { ingestion } from '@flywheel/ingestion';
import { monitor } from '@flywheel/monitor';
import { registry } from '@flywheel/registry';
import { router } from '@flywheel/router';
import type { Service } from '@flywheel/runtime';
import { tracking } from '@flywheel/tracking';
import { trainer } from '@flywheel/trainer';

/** All seven, in the order in which one process starts them. */
export const services: readonly Service[] = [
  ingestion,
  featureStore,
  tracking,
  registry,
  trainer,
  router,
  monitor,
];
