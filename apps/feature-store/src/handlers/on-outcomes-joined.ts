import type { EventData } from '@flywheel/contracts';
import type { monitor } from '@flywheel/contracts';
import type { DefinitionStore } from '../definitions/definition-store.ts';
import type { OnlineRow, OnlineRows } from '../online/online-rows.ts';
import { rowOf } from '../online/view-rows.ts';
import { applyStreamed } from './apply-streamed.ts';
import type { OnlineProgress } from '../online/online-progress.ts';

type Joined = { data: EventData<typeof monitor.outcomesJoined> };

/** What came of predictions becomes features of the next ones. A prediction is one row, whatever its revision. */
export function onOutcomesJoined({
  definitions,
  online,
  progress,
}: {
  definitions: DefinitionStore;
  online: OnlineRows;
  progress: OnlineProgress;
}) {
  return async (events: readonly Joined[]): Promise<void> => {
    const batches = definitions.views().map((view) => {
      const rows: OnlineRow[] = [];
      for (const source of view.view.sources)
        for (const { data } of events) {
          if (source.kind !== 'outcomes' || data.endpoint !== source.endpoint) continue;
          for (const outcome of data.outcomes) {
            const row = rowOf(view, source, outcome.record, {
              id: outcome.prediction,
              revision: outcome.revision,
            });
            if (typeof row === 'string') progress.skipped(view.view.name, row);
            else rows.push(row);
          }
        }
      return { view, rows };
    });
    await applyStreamed({ online, progress }, batches);
  };
}
