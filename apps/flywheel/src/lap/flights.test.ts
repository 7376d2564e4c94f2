import { temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { FlightData } from './flights.ts';

const ALL_ROWS = 3_000_000;

async function sizeOf(rows: number | 'all'): Promise<{ rows: number; origins: number }> {
  using folder = temporaryFolder();
  await using flights = await FlightData.open(rows, folder.path);
  return { rows: flights.rows, origins: flights.origins };
}

describe('flights of a lap', () => {
  it.each([1, 60_000, 300_000, 2_999_999])('are whole origins, at least %d', async (rows) => {
    const taken = await sizeOf(rows);

    expect(taken.rows).toBeGreaterThanOrEqual(rows);
    expect(await sizeOf(taken.rows)).toEqual(taken);
  });

  it('are all of them when asked for, or when more are wanted than there are', async () => {
    expect((await sizeOf('all')).rows).toBe(ALL_ROWS);
    expect((await sizeOf(2 * ALL_ROWS)).rows).toBe(ALL_ROWS);
  });

  it('have every flight in one month, known after it was asked for', async () => {
    using folder = temporaryFolder();
    await using flights = await FlightData.open(1000, folder.path);
    const counts = await Promise.all(
      (['history', 'april', 'may', 'june'] as const).map((month) => flights.count(month)),
    );

    expect(counts.reduce((total, count) => total + count, 0)).toBe(flights.rows);
    for await (const { dateMs, knownAtMs } of flights.replay('may', 'date'))
      expect(knownAtMs - dateMs).toBeGreaterThanOrEqual(30 * 60_000);
  });
});
