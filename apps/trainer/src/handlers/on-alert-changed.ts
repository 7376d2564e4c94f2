import { newId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { monitor, trainer } from '@flywheel/contracts';
import type { JobStore } from '../jobs/job-store.ts';

/**
 * An alert that fires becomes a proposal to train, once, also when it is told again after the proposal was declined;
 * while one for the same endpoint is open, further alerts add their reason to it. Whether to train is decided by whoever
 * takes the proposal up.
 */
export function onAlertChanged({ store, clock }: { store: JobStore; clock: Clock }) {
  return async ({ data: alert }: { data: monitor.Alert }): Promise<void> => {
    if (alert.state !== 'firing') return;
    const name = `retrain-${alert.endpoint}`;
    await store.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`proposal/${name}`]);
      const proposals = await tx.query<{ job: trainer.Job }>(
        `select job from jobs where job->>'name' = $1 and job->'cause'->>'kind' = 'alert' order by created_at desc`,
        [name],
      );
      const token = `(alert ${alert.id})`;
      if (proposals.some(({ job }) => job.cause.reason.includes(token))) return;
      const open = proposals.find(({ job }) => job.state === 'proposed')?.job;
      const reason = `${alert.summary} ${token}`;
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
      });
    });
  };
}
