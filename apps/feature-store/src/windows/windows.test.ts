import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { openAnalytics } from '@flywheel/storage';
import { aggregateRows } from './aggregate-rows.ts';
import { planWindows } from './window-plan.ts';
import { mergeRows, packedRows, bytesOf, rowId } from './window-rows.ts';
import type { PackedRows, WindowRow } from './window-rows.ts';
import { windowSql } from './window-sql.ts';

const HOUR = 3_600_000;
const plan = planWindows({
  windows: ['3h', '24h', '7d'],
  aggregations: [
    { feature: 'flights', fn: 'count' },
    { feature: 'mean_delay', fn: 'mean', column: 'delay' },
    { feature: 'late_share', fn: 'share', column: 'delay', above: 15 },
  ],
});

/** The definition itself, row by row. */
function bruteForce(rows: readonly WindowRow[], atMs: number): number[] {
  const held = plan.windowsMs.map((windowMs) =>
    rows.filter(
      (row) => row.eventMs > atMs - windowMs && row.eventMs <= atMs && row.knownMs <= atMs,
    ),
  );
  return plan.outputs.map((output) => {
    const inside = held[output.window]!;
    const values = inside.map((row) => row.values[0]!).filter((value) => !Number.isNaN(value));
    if (output.fn === 'count') return inside.length;
    if (output.fn === 'mean') return values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.filter((value) => value > 15).length / values.length;
  });
}

const hours = fc.integer({ min: 0, max: 24 * 9 });
const row = fc.record({
  id: fc.integer({ min: 1, max: 1_000_000 }),
  revision: fc.constant(0),
  eventMs: hours.map((hour) => hour * HOUR),
  // whole hours, so that rows meet windows and questions exactly at their ends; some are known before they happen
  lagMs: fc.integer({ min: -2, max: 30 }).map((hour) => hour * HOUR),
  delay: fc.option(fc.integer({ min: -60, max: 200 }), { nil: Number.NaN }),
});
const rowsOf = fc.uniqueArray(row, { selector: (one) => one.id, maxLength: 60 }).map((many) =>
  many.map(({ lagMs, delay, ...rest }): WindowRow => ({
    ...rest,
    knownMs: rest.eventMs + lagMs,
    values: [delay],
  })),
);

describe('windows of an entity', () => {
  it('give online what the definition says, at every moment', () => {
    fc.assert(
      fc.property(rowsOf, hours, (rows, hour) => {
        const packed = mergeRows(new Float64Array(0), rows, {
          columns: 1,
          keptMs: Number.POSITIVE_INFINITY,
          nowMs: 0,
        });

        expect([...aggregateRows(packed, plan, hour * HOUR)]).toEqual(
          bruteForce(rows, hour * HOUR),
        );
      }),
      { numRuns: 300 },
    );
  });

  it('give offline the same values, for many moments of many entities in one statement', async () => {
    using folder = temporaryFolder();
    await using analytics = await openAnalytics({
      temporaryFolder: folder.path,
      allowedFolders: [folder.path],
    });
    const seeded = fc.sample(
      fc.tuple(rowsOf, rowsOf, fc.array(hours, { minLength: 5, maxLength: 40 })),
      { seed: 11, numRuns: 8 },
    );
    for (const [left, right, moments] of seeded) {
      const rows = [
        ...left.map((one) => ['a', one] as const),
        ...right.map((one) => ['b', one] as const),
      ];
      await analytics.run(
        'create or replace table rows (key varchar, event_ms bigint, known_ms bigint, delay double)',
      );
      await analytics.run(
        'create or replace table spine (row_id bigint, key varchar, at_ms bigint)',
      );
      for (const [key, one] of rows)
        await analytics.run('insert into rows values ($1, $2, $3, $4)', [
          key,
          one.eventMs,
          one.knownMs,
          Number.isNaN(one.values[0]!) ? null : one.values[0]!,
        ]);
      const spine = moments.flatMap((hour, index) =>
        ['a', 'b', 'c'].map((key, place) => ({ id: index * 3 + place, key, atMs: hour * HOUR })),
      );
      for (const { id, key, atMs } of spine)
        await analytics.run('insert into spine values ($1, $2, $3)', [id, key, atMs]);

      const answered = await analytics.rows(
        `select * from (${windowSql(plan, { rows: 'rows', spine: 'spine' })}) order by row_id`,
      );

      const asked = spine.map(({ key, atMs }) =>
        bruteForce(key === 'a' ? left : key === 'b' ? right : [], atMs),
      );
      expect(
        answered.map((one) =>
          plan.outputs.map((output) => (one[output.name] ?? Number.NaN) as number),
        ),
      ).toEqual(asked);
    }
  });
});

describe('packed rows', () => {
  const at = (id: number, eventMs: number, delay: number, revision = 0): WindowRow => ({
    id,
    revision,
    eventMs,
    knownMs: eventMs,
    values: [delay],
  });
  const options = { columns: 1, keptMs: Number.POSITIVE_INFINITY, nowMs: 0 };

  it('do not depend on the order in which rows come, nor on how often', () => {
    const rows = [at(1, 3, 10), at(2, 1, 20), at(3, 2, 30), at(2, 1, 25, 1)];

    const once = mergeRows(new Float64Array(0), rows, options);
    const shuffled = mergeRows(
      mergeRows(new Float64Array(0), [rows[3]!, rows[2]!], options),
      [rows[1]!, rows[0]!, rows[2]!],
      options,
    );

    expect([...shuffled]).toEqual([...once]);
    expect([...once].filter((_, index) => index % 5 === 4)).toEqual([20, 25, 30, 10]);
  });

  it('keep a revision until the next is known, and none that happened at another time', () => {
    const first = at(1, 3, 10);
    const second = { ...at(1, 3, 20, 1), knownMs: 5 };
    const moved = { ...at(1, 4, 30, 2), knownMs: 6 };
    const merged = (rows: readonly WindowRow[]) =>
      rows.reduce<PackedRows>(
        (packed, row) => mergeRows(packed, [row], options),
        new Float64Array(0),
      );
    const means = (rows: readonly WindowRow[]) =>
      [3, 4, 5, 6].map((ms) => aggregateRows(merged(rows), plan, ms)[3]);

    for (const rows of [
      [first, second],
      [second, first],
      [first, second, first, second],
    ])
      expect(means(rows)).toEqual([10, 10, 20, 20]);
    for (const rows of [
      [first, second, moved],
      [moved, first, second],
      [second, moved, first],
    ])
      expect(means(rows)).toEqual([Number.NaN, Number.NaN, Number.NaN, 30]);
  });

  it('let go of what no window reaches any more', () => {
    const packed = mergeRows(new Float64Array(0), [at(1, 0, 1), at(2, 10, 2), at(3, 11, 3)], {
      columns: 1,
      keptMs: 10,
      nowMs: 11,
    });

    expect(packed.length / 5).toBe(2);
  });

  it('let go of nothing for a row that is yet to happen', () => {
    const packed = mergeRows(new Float64Array(0), [at(1, 0, 1), at(2, 10, 2), at(3, 9999, 3)], {
      columns: 1,
      keptMs: 10,
      nowMs: 9,
    });
    const planned = mergeRows(
      new Float64Array(0),
      [at(1, 0, 1), { ...at(2, 9999, 2), knownMs: 9 }],
      { columns: 1, keptMs: 10, nowMs: 9999 },
    );

    expect(packed.length / 5).toBe(3);
    expect(planned.length / 5).toBe(2);
  });

  it('survive storage', () => {
    const packed = mergeRows(new Float64Array(0), [at(1, 3, 10), at(2, 1, Number.NaN)], options);

    expect([
      ...packedRows(Buffer.concat([Buffer.from('x'), bytesOf(packed)]).subarray(1), 5),
    ]).toEqual([...packed]);
  });

  it('keep ids apart', () => {
    const ids = new Set(
      Array.from({ length: 200_000 }, (_, index) =>
        rowId(`01890a5d-ac96-774b-bcce-b302099a8057/${index}`),
      ),
    );

    expect(ids.size).toBe(200_000);
  });
});
