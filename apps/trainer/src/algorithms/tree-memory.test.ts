import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BIN_STRIDE, featureOffset, totalOf } from './histogram.ts';
import { TreeMemory } from './tree-memory.ts';

const row = (width: number) =>
  fc.record({
    bins: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: width, maxLength: width }),
    gradient: fc.integer({ min: -(2 ** 24), max: 2 ** 24 }).map((n) => n / 2 ** 24),
    hessian: fc.integer({ min: 0, max: 2 ** 22 }).map((n) => n / 2 ** 24),
  });
const table = fc
  .integer({ min: 1, max: 9 })
  .chain((width) => fc.array(row(width), { minLength: 1, maxLength: 60 }));
type Rows = typeof table extends fc.Arbitrary<infer T> ? T : never;

function memoryOf(data: Rows): TreeMemory {
  const memory = new TreeMemory({
    rowCount: data.length,
    featureCount: data[0]!.bins.length,
    histograms: 2,
  });
  const { floats, stride, first } = memory.gradients;
  data.forEach(({ bins, gradient, hessian }, index) => {
    bins.forEach((bin, feature) => (memory.columns[feature]![index] = bin));
    floats.set([gradient, hessian], index * stride + first);
    memory.rows[index] = index;
  });
  memory.packRecords();
  return memory;
}

describe('the memory of tree growing', () => {
  it('fills a histogram with the sums of the rows asked for, whatever it held before', () => {
    fc.assert(
      fc.property(table, fc.nat(), fc.nat(), (data, a, b) => {
        const [start, end] = [a % data.length, b % (data.length + 1)].sort((x, y) => x - y) as [
          number,
          number,
        ];
        const memory = memoryOf(data);
        const histogram = memory.takeHistogram().fill(7);
        const features = data[0]!.bins.map((_, feature) => feature);
        const groups = [...new Set(features.map((feature) => feature >> 2))];

        memory.fill(histogram, groups, start, end);

        for (const feature of features) {
          const expected = new Float64Array(256 * BIN_STRIDE);
          for (const { bins, gradient, hessian } of data.slice(start, end))
            [gradient, hessian, 1].forEach(
              (value, part) => (expected[bins[feature]! * BIN_STRIDE + part]! += value),
            );
          const at = featureOffset(feature);
          expect(histogram.slice(at, at + 256 * BIN_STRIDE)).toEqual(expected);
          expect(totalOf(histogram, feature).rows).toBe(end - start);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('parts rows by one feature and keeps the order on both sides', () => {
    fc.assert(
      fc.property(
        table,
        fc.integer({ min: 0, max: 254 }),
        fc.boolean(),
        (data, bin, missingLeft) => {
          const memory = memoryOf(data);
          const feature = data[0]!.bins.length - 1;
          const isLeft = (index: number) => {
            const own = data[index]!.bins[feature]!;
            return own === 255 ? missingLeft : own <= bin;
          };
          const all = data.map((_, index) => index);

          const middle = memory.partition(0, data.length, { feature, bin, missingLeft });

          const expected = [...all.filter(isLeft), ...all.filter((index) => !isLeft(index))];
          expect([...memory.rows]).toEqual(expected);
          expect(middle).toBe(all.filter(isLeft).length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('more rows than a chunk are summed exactly', () => {
    const rows = 5_000;
    const memory = new TreeMemory({ rowCount: rows, featureCount: 1, histograms: 1 });
    memory.rows.set(Uint32Array.from({ length: rows }, (_, index) => index));
    const { floats, stride, first } = memory.gradients;
    for (let index = 0; index < rows; index++) floats[index * stride + first] = 2 ** -24;
    const histogram = memory.takeHistogram();

    memory.fill(histogram, [0], 0, rows);

    expect(totalOf(histogram, 0)).toEqual({ gradient: rows * 2 ** -24, hessian: 0, rows });
  });

  it('a histogram that is given back is used again', () => {
    const memory = new TreeMemory({ rowCount: 1, featureCount: 1, histograms: 1 });
    const histogram = memory.takeHistogram();

    memory.giveBack(histogram);

    expect(memory.takeHistogram()).toBe(histogram);
  });

  it('a table beyond 4 GiB of work space is refused before anything is allocated', () => {
    expect(
      () => new TreeMemory({ rowCount: 300_000_000, featureCount: 10, histograms: 1 }),
    ).toThrow(expect.objectContaining({ code: 'invalid_argument' }) as Error);
  });
});
