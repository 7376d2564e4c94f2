import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { batchAt, batchHeaderBytes, codecs } from './batch.ts';
import type { Batch } from './batch.ts';
import { plainRecords, walkRecords } from './records.ts';

/**
 * Looks into the records of a produced batch where that is cheap or needed: malformed records would break every
 * consumer, keyless ones would survive compaction for ever. Codecs that cannot be opened pass.
 */
export function refusalOfRecords(
  bytes: Buffer,
  batch: Batch,
  { requiresKeys }: { requiresKeys: boolean },
): ErrorNumber | undefined {
  if (batch.codec !== codecs.none && !requiresKeys) return undefined;
  const plain = plainRecords(bytes, batch);
  if (!('section' in plain)) return plain.isBroken ? errorCodes.invalidRecord : undefined;
  let keyless = 0;
  const isSound = walkRecords(plain.section, batch, ({ hasKey }) => {
    if (!hasKey) keyless += 1;
    return true;
  });
  const isFine = isSound && !(requiresKeys && keyless > 0);
  return isFine ? undefined : errorCodes.invalidRecord;
}

/**
 * The first record of these batches at or after `timestamp` and `fromOffset`; where the codec cannot be opened,
 * the first of the batch that holds it.
 */
export function findTimestamp(
  bytes: Buffer,
  timestamp: number,
  fromOffset: number,
): { offset: number; timestamp: number } | undefined {
  for (let start = 0; start + batchHeaderBytes <= bytes.length;) {
    const batch = batchAt(bytes, start);
    start += batch.sizeBytes;
    if (batch.maxTimestamp < timestamp || batch.lastOffset < fromOffset) continue;
    const plain = plainRecords(bytes, batch);
    if (!('section' in plain))
      return { offset: Math.max(batch.baseOffset, fromOffset), timestamp: batch.baseTimestamp };
    let found: { offset: number; timestamp: number } | undefined;
    walkRecords(plain.section, batch, (record) => {
      const isFound = record.timestamp >= timestamp && record.offset >= fromOffset;
      if (isFound) found = { offset: record.offset, timestamp: record.timestamp };
      return !isFound;
    });
    if (found) return found;
  }
  return undefined;
}
