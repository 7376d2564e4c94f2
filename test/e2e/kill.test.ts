import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { ingestion, topics } from '@flywheel/contracts';
import { LapClient } from '@flywheel/flywheel/testing';
import type { LapPlatform } from '@flywheel/flywheel/testing';
import { createHttpClient } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';
import { openEmbedded } from './open-embedded.ts';

const BATCH = 500;
const KILL_AFTER = 20_000;
const folder = temporaryFolder();
let http: ReturnType<typeof createHttpClient>;

beforeAll(() => {
  http = createHttpClient({ log: silentLogger });
});
afterAll(async () => {
  await http[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Sends batches, kills the platform in between and goes on until it is gone; gives how many records were acknowledged. */
async function sendUntilKilled(platform: LapPlatform, dataset: string): Promise<number> {
  const records = `${platform.urlOf('ingestion')}/api/ingestion/datasets/${dataset}/records`;
  let acknowledged = 0;
  let killing: Promise<void> | undefined;
  for (let batch = 0; ; batch++) {
    const text = Array.from({ length: BATCH }, (_, index) =>
      JSON.stringify({ id: batch * BATCH + index }),
    ).join('\n');
    try {
      const answer = await fetch(`${records}?key=id&idempotencyKey=${dataset}-${batch}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: text,
      });
      acknowledged += ingestion.recordsAccepted.parse(await answer.json()).accepted;
    } catch (error) {
      if (!killing) throw error;
      await killing;
      return acknowledged;
    }
    if (acknowledged >= KILL_AFTER) killing ??= platform.kill!('process');
  }
}

describe('SIGKILL of the all-in-one in the middle of ingest', () => {
  it('loses no acknowledged record and counts none twice', async () => {
    const first = await openEmbedded(folder.path);
    const acknowledged = await sendUntilKilled(first, 'killed');

    await using second = await openEmbedded(folder.path);
    const client = new LapClient(second, http);
    const { records } = await client.call(ingestion.getDataset, { params: { dataset: 'killed' } });
    const snapshot = await client.call(
      ingestion.createSnapshot,
      { params: { dataset: 'killed' } },
      { timeoutMs: 300_000 },
    );

    expect(acknowledged).toBeGreaterThanOrEqual(KILL_AFTER);
    expect(records).toBeGreaterThanOrEqual(acknowledged);
    expect(records).toBeLessThanOrEqual(acknowledged + BATCH);
    expect(snapshot.records).toBe(records);
    expect(await distinctRecords(second)).toBe(records);
  });
});

/** Records by id, read from the log itself. */
async function distinctRecords({ brokers }: LapPlatform): Promise<number> {
  await using bus = await openBus({ brokers, service: 'e2e', log: silentLogger });
  const ids = new Set<string>();
  await bus.readToEnd(topics.ingestRecords.name, (records) => {
    for (const record of records) ids.add(record.id);
  });
  return ids.size;
}
