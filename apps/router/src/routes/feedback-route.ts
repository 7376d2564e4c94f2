import { invalid } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { router } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import { hasControlCharacters } from '../answering/control-characters.ts';
import type { RouteTable } from '../routing/route-table.ts';

/** Outcomes that callers report: acknowledged once they are in the log. The same item again has the same id. */
export function feedbackRoute(
  http: ServiceContext<unknown>['http'],
  { table, bus, clock }: { table: RouteTable; bus: Pick<Bus, 'publishAll'>; clock: Clock },
): void {
  http.operation(router.sendFeedback, async ({ body }) => {
    const now = new Date(clock.nowMs()).toISOString();
    const items = body.items.map((item, index): router.Feedback => {
      if (!table.newest(item.endpoint))
        throw invalid(`items[${index}].endpoint`, `there is no endpoint "${item.endpoint}"`);
      for (const member of ['prediction', 'id'] as const)
        if (hasControlCharacters(item[member] ?? ''))
          throw invalid(`items[${index}].${member}`, 'must have no control characters');
      return {
        ...item,
        id: item.id ?? `${item.prediction}/${item.revision}`,
        knownAt: item.knownAt ?? now,
      };
    });
    await bus.publishAll(
      router.feedbackReceived,
      items.map((data) => ({ data, id: data.id })),
    );
    return { accepted: items.length, ids: items.map((item) => item.id) };
  });
}
