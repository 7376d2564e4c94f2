import { toAppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import type { registry } from '@flywheel/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import type { RouteTable } from '../routing/route-table.ts';

const RETRY_MS = 1000;

/**
 * A changed deployment is prepared in the background, again and again while something it needs is away; events of other
 * endpoints need not wait for it.
 */
export function onDeploymentChanged({
  table,
  log,
  signal,
  prepared,
}: {
  table: RouteTable;
  log: Logger;
  signal: AbortSignal;
  prepared: () => Promise<void>;
}) {
  return ({ data }: { data: registry.Deployment }): void => {
    void prepare(data);
  };

  async function prepare(deployment: registry.Deployment): Promise<void> {
    while (!signal.aborted) {
      try {
        await table.replace(deployment);
        await prepared();
        return;
      } catch (error) {
        const { retryable, code } = toAppError(error);
        log.error(
          { err: error, endpoint: deployment.endpoint, revision: deployment.revision },
          'a deployment cannot be served',
        );
        if (!retryable && code !== 'not_found') return;
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
