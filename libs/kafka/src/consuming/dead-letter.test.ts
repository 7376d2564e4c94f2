import { describe, expect, it } from 'vitest';
import { AppError } from '@flywheel/core';
import { Out } from '../wire/out.ts';
import { ReadRecord } from '../wire/read-record.ts';
import { type RecordToWrite, putRecord, sizeOfRecordBody } from '../wire/record.ts';
import type { Outgoing } from '../publishing/lane.ts';
import { deadLetter } from './dead-letter.ts';

const place = { topic: 'ingest.records', partition: 2 };

function aRecord(record: RecordToWrite): ReadRecord {
  return ReadRecord.from({ ...record, offset: '77', timestamp: '1000' });
}

function bury(record: ReadRecord, error: AppError): Outgoing {
  const about = { service: 'monitor', group: 'monitor', error, attempts: 1, nowMs: 0 };
  return deadLetter(record, place, about);
}

function bytesOf({ key, value, headers }: Outgoing): number {
  const record = { key, value, headers };
  const deltas = { offsetDelta: 0, timestampDelta: 0 };
  const size = sizeOfRecordBody(record, deltas);
  putRecord(new Out(size + 5), record, deltas, size);
  return size;
}

describe('dead letter', () => {
  it('keeps key, value and headers as they are, null and empty apart', () => {
    const value = Buffer.from([0, 255, 1]);
    const record = aRecord({ key: 'k', value, headers: { a: ['1', '2'], none: null, empty: '' } });

    const letter = bury(record, new AppError('not_found', 'no such model'));

    expect(letter.topic).toBe('dead.monitor');
    expect(String(letter.key)).toBe('k');
    expect(letter.value).toEqual(value);
    expect(letter.headers['a']).toEqual([Buffer.from('1'), Buffer.from('2')]);
    expect(letter.headers['none']).toBeNull();
    expect(letter.headers['empty']).toEqual(Buffer.alloc(0));
    expect(letter.headers).toMatchObject({
      'dl-topic': 'ingest.records',
      'dl-partition': '2',
      'dl-offset': '77',
      'dl-code': 'not_found',
      'dl-text': 'no such model',
    });
    expect(bury(aRecord({ key: null, value: null }), new AppError('internal', 'x'))).toMatchObject({
      key: null,
      value: null,
    });
  });

  it('stays bounded when a large record fails fifty times with a long error', () => {
    const cause = new Error('e'.repeat(200_000));
    let record = aRecord({ key: 'k', value: Buffer.alloc(900_000), headers: { ce_id: 'x' } });

    let letter!: Outgoing;
    for (let replay = 0; replay < 50; replay++) {
      letter = bury(record, new AppError('internal', `failure ${replay}`, { cause }));
      record = aRecord(letter);
    }

    expect(bytesOf(letter)).toBeLessThan(910_000);
    expect(String(letter.headers['dl-text']).startsWith('failure 49: eee')).toBe(true);
    expect(letter.headers).toMatchObject({
      'dl-topic': 'ingest.records',
      'dl-offset': '77',
    });
    expect(Object.keys(letter.headers).filter((name) => name === 'ce_id')).toHaveLength(1);
  });

  it('the first place stays when a replay from elsewhere fails', () => {
    const first = bury(aRecord({ key: 'k', value: 'v' }), new AppError('conflict', 'x'));

    const second = deadLetter(
      aRecord(first),
      { topic: 'replayed', partition: 0 },
      {
        service: 'monitor',
        group: 'other',
        error: new AppError('conflict', 'y'),
        attempts: 2,
        nowMs: 1,
      },
    );

    expect(second.headers).toMatchObject({
      'dl-topic': 'ingest.records',
      'dl-partition': '2',
      'dl-text': 'y',
      'dl-group': 'other',
    });
  });
});
