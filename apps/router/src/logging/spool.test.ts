import { appendFileSync, readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { Spool } from './spool.ts';

const texts = (records: Buffer[]) => records.map(String);

describe('Spool', () => {
  it('gives back after a crash what was not released, in order', () => {
    using folder = temporaryFolder();
    using spool = new Spool({ folder: folder.path, limitBytes: 1_000_000 });

    spool.append([Buffer.from('one'), Buffer.from('two')]);
    spool.append([Buffer.from('three')]);

    expect(texts(new Spool({ folder: folder.path, limitBytes: 1_000_000 }).leftovers())).toEqual([
      'one',
      'two',
      'three',
    ]);
  });

  it('leaves nothing behind when all of it is released', () => {
    using folder = temporaryFolder();
    const spool = new Spool({ folder: folder.path, limitBytes: 1_000_000 });
    const first = spool.append([Buffer.from('one')])!;
    const second = spool.append([Buffer.from('two')])!;

    spool.release(first.segment, 1);
    spool.release(second.segment, 1);

    spool[Symbol.dispose]();

    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('refuses what goes beyond its share of the disk', () => {
    using folder = temporaryFolder();
    using spool = new Spool({ folder: folder.path, limitBytes: 100 });

    expect(spool.append([Buffer.alloc(60)])).toBeDefined();
    expect(spool.append([Buffer.alloc(60)])).toBeUndefined();
  });

  it('reads the whole records in front of a torn tail, wherever it is torn', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        fc.uint8Array({ maxLength: 20 }),
        (records, cut, garbage) => {
          using folder = temporaryFolder();
          using spool = new Spool({ folder: folder.path, limitBytes: 1_000_000 });
          spool.append(records.map((record) => Buffer.from(record)));
          const [name] = readdirSync(folder.path);
          const path = join(folder.path, name!);
          const size = records.reduce((sum, record) => sum + record.length + 8, 0);
          const kept = cut % (size + 1);
          truncateSync(path, kept);
          if (kept < size) appendFileSync(path, garbage);

          const read = new Spool({ folder: folder.path, limitBytes: 1_000_000 })
            .leftovers()
            .map((record) => [...record]);

          let whole = 0;
          for (
            let end = 0;
            whole < records.length && end + records[whole]!.length + 8 <= kept;
            whole++
          )
            end += records[whole]!.length + 8;
          expect(read.slice(0, whole)).toEqual(
            records.slice(0, whole).map((record) => [...record]),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});
