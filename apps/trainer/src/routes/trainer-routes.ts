import { trainer } from '@flywheel/contracts';
import type { ServiceContext } from '@flywheel/runtime';
import type { JobQueue } from '../jobs/job-queue.ts';
import type { JobStore } from '../jobs/job-store.ts';
import type { StudyRunner } from '../studies/study-runner.ts';

/** Jobs and studies: submitted, waited for, listed, cancelled. */
export function trainerRoutes(
  http: ServiceContext<unknown>['http'],
  { jobs, store, studies }: { jobs: JobQueue; store: JobStore; studies: StudyRunner },
): void {
  http.operation(trainer.submitJob, ({ body }) => jobs.submit(body));
  http.operation(trainer.getJob, ({ params, query }) => jobs.get(params.job, query.waitMs));
  http.operation(trainer.listJobs, async ({ query }) => ({ jobs: await store.list(query.state) }));
  http.operation(trainer.cancelJob, ({ params }) => jobs.cancel(params.job));
  http.operation(trainer.createStudy, ({ body }) => studies.create(body));
  http.operation(trainer.getStudy, ({ params, query }) => studies.get(params.study, query.waitMs));
}
