import type { ResolvedView } from '../definitions/resolved-service.ts';
import type { OnlineProgress } from '../online/online-progress.ts';
import type { OnlineRow, OnlineRows } from '../online/online-rows.ts';

/** Rows that came with a stream: into the online store together, then told. */
export async function applyStreamed(
  { online, progress }: { online: OnlineRows; progress: OnlineProgress },
  batches: readonly { view: ResolvedView; rows: readonly OnlineRow[] }[],
): Promise<void> {
  const some = batches.filter(({ rows }) => rows.length > 0);
  if (some.length === 0) return;
  for (const [view, counts] of await online.apply(some))
    progress.applied(view.view.name, counts, 'stream');
}
