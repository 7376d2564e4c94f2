import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeenRecords } from './seen-records.ts';

describe('SeenRecords', () => {
  it('knows every id again, and no other (property)', () => {
    const part = fc.constantFrom('a', 'b', 'a/1', '', 'ü');
    const index = fc.constantFrom(
      '0',
      '1',
      '7',
      '8',
      '05',
      '5',
      '1e3',
      '1000',
      '0x10',
      '16',
      '',
      ' 5',
      '-1',
      '1.0',
      '99999999999',
    );
    const id = fc.tuple(part, index).map(([batch, end]) => `${batch}/${end}`);

    fc.assert(
      fc.property(fc.array(id, { maxLength: 60 }), fc.boolean(), (ids, isIndexed) => {
        const seen = new SeenRecords();
        const model = new Set<string>();
        for (const text of ids) {
          expect(seen.has(text, { isIndexed })).toBe(model.has(text));
          seen.add(text, { isIndexed });
          model.add(text);
        }
      }),
    );
  });

  it('holds a batch of a million in little', () => {
    const seen = new SeenRecords();
    const before = process.memoryUsage().arrayBuffers;

    for (let index = 0; index < 1_000_000; index++) seen.add(`batch/${index}`, { isIndexed: true });

    expect(seen.has('batch/999999', { isIndexed: true })).toBe(true);
    expect(seen.has('batch/1000000', { isIndexed: true })).toBe(false);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
  });

  it('gives a caller no way to make it large: ids that callers choose are text', () => {
    const seen = new SeenRecords();
    const before = process.memoryUsage().arrayBuffers;

    for (let caller = 0; caller < 50; caller++)
      seen.add(`caller-${caller}/2000000000`, { isIndexed: false });

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(seen.has('caller-7/2000000000', { isIndexed: false })).toBe(true);
  });

  it('forgets the oldest batches and texts, never the newest', () => {
    const seen = new SeenRecords();
    for (let batch = 0; batch < 5000; batch++) seen.add(`${batch}/0`, { isIndexed: true });
    for (let text = 0; text < 250_000; text++) seen.add(`text ${text}`, { isIndexed: false });

    expect(seen.has('0/0', { isIndexed: true })).toBe(false);
    expect(seen.has('4999/0', { isIndexed: true })).toBe(true);
    expect(seen.has('text 0', { isIndexed: false })).toBe(false);
    expect(seen.has('text 249999', { isIndexed: false })).toBe(true);
  });
});
