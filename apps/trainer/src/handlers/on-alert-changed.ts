import { newId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { monitor, trainer } from '@flywheel/contracts';
import type { JobStore } from '../jobs/job-store.ts';

/**
 * An alert that fires becomes a proposal to train, once; while one for the same endpoint is open, further alerts add
 * their reason to it. Whether to train is decided by whoever takes the proposal up.
 */
export function onAlertChanged({ store, clock }: { store: JobStore; clock: Clock }) {
  return async ({ data: alert }: { data: monitor.Alert }): Promise<void> => {
    if (alert.state !== 'firing') return;
    const name = `retrain-${alert.endpoint}`;
    await store.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`proposal/${name}`]);
      const open = (
        await tx.query<{ job: trainer.Job }>(
          `select job from jobs where state = 'proposed' and job->>'name' = $1 order by created_at desc limit 1`,
          [name],
        )
      )[0]?.job;
      if (open?.cause.reason.includes(alert.id)) return;
      const reason = `${alert.summary} (alert ${alert.id})`;
      if (open) {
        await store.update(tx, {
          ...open,
          cause: { ...open.cause, reason: `${open.cause.reason}; ${reason}` },
        });
        return;
      }
      const now = clock.nowMs();
      const job: trainer.Job = {
        id: newId(now),
        name,
        state: 'proposed',
        cause: { kind: 'alert', reference: alert.id, reason },
        release: false,
        spec: null,
        runKey: null,
        attempt: 0,
        createdAt: new Date(now).toISOString(),
        startedAt: null,
        finishedAt: null,
        error: null,
        result: null,
      };
      await store.insert(tx, {
        job,
        experiment: alert.endpoint,
        registerAs: alert.model,
        rebuild: false,
      });
    });
  };
}
