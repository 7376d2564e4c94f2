import { newId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { registry } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';

/** Records who did what to what, in the transaction of the deed and as an event of it. */
export async function recordAudit(
  { outbox, clock }: { outbox: Outbox; clock: Clock },
  tx: SqlTransaction,
  entry: { actor: string; action: string; subject: string; details?: Record<string, unknown> },
): Promise<void> {
  const nowMs = clock.nowMs();
  const recorded = { id: newId(nowMs), at: new Date(nowMs).toISOString(), details: {}, ...entry };
  await tx.query('insert into audit (id, at, entry) values ($1, $2, $3)', [
    recorded.id,
    recorded.at,
    JSON.stringify(recorded),
  ]);
  await outbox.add(tx, registry.auditEntry, recorded);
}
