import { AppError } from '@flywheel/core';

export type BodyFormat = 'json' | 'ndjson' | 'csv' | 'parquet';

const byMediaType: Readonly<Record<string, BodyFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/x-jsonlines': 'ndjson',
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/vnd.apache.parquet': 'parquet',
  'application/x-parquet': 'parquet',
};

/** The format a body is in, by its media type; bytes of unknown type are taken as Parquet when they begin so. */
export function bodyFormat(contentType: string | undefined, firstBytes: Uint8Array): BodyFormat {
  const mediaType = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const known = byMediaType[mediaType];
  if (known) return known;
  if (Buffer.from(firstBytes.subarray(0, 4)).toString('latin1') === 'PAR1') return 'parquet';
  throw new AppError(
    'invalid_argument',
    `content-type: must be one of ${Object.keys(byMediaType).join(', ')}`,
    {
      details: {
        field: 'content-type',
        rule: 'must name a format that can be read',
        given: mediaType,
      },
    },
  );
}
