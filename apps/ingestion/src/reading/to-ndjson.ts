import { readFile, writeFile } from 'node:fs/promises';
import { AppError, invalid } from '@flywheel/core';
import { parseJson, writeJson } from '@flywheel/http';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import type { BodyFormat } from './body-format.ts';
import type { SpooledBody } from './spooled-body.ts';

const MAXIMUM_JSON_BYTES = 256 * 1024 * 1024;

/** Any body as a file of one JSON object a line, which is what the log carries. NDJSON is left as it is. */
export async function toNdjson(
  body: SpooledBody,
  format: BodyFormat,
  openAnalytics: () => Promise<Analytics>,
): Promise<string> {
  switch (format) {
    case 'ndjson':
      return body.path;
    case 'json':
      return jsonToNdjson(body);
    case 'csv':
      return convert(body, openAnalytics, csvQuery);
    case 'parquet':
      return convert(body, openAnalytics, parquetQuery);
  }
}

/** One object or an array of objects; integers keep all their digits. */
async function jsonToNdjson(body: SpooledBody): Promise<string> {
  const bytes = await readFile(body.path);
  if (bytes.length > MAXIMUM_JSON_BYTES)
    throw new AppError('payload_too_large', 'a JSON body may have 256 MiB; send NDJSON for more');
  const parsed = parseJson(bytes, { bigIntegers: true });
  const records = Array.isArray(parsed) ? (parsed as unknown[]) : [parsed];
  const lines = records.map((record, index) => {
    if (typeof record !== 'object' || record === null || Array.isArray(record))
      throw invalid(Array.isArray(parsed) ? `body[${index}]` : 'body', 'must be an object');
    return writeJson(record);
  });
  const file = body.sibling('ndjson');
  await writeFile(file, lines.join('\n'));
  return file;
}

async function convert(
  body: SpooledBody,
  openAnalytics: () => Promise<Analytics>,
  query: (analytics: Analytics, path: string) => Promise<string>,
): Promise<string> {
  const file = body.sibling('ndjson');
  await using analytics = await openAnalytics();
  try {
    await analytics.run(
      `copy (${await query(analytics, body.path)}) to ${sqlText(file)} (format json)`,
    );
  } catch (error) {
    if (error instanceof AppError && ['invalid_argument', 'internal'].includes(error.code))
      throw new AppError(
        'invalid_argument',
        'body: cannot be read in the format its content-type names',
        {
          details: {
            field: 'body',
            rule: 'must be a well-formed file',
            reason: error.details?.['reason'],
          },
          cause: error,
        },
      );
    throw error;
  }
  return file;
}

/** Instants become RFC 3339 text in UTC with all their digits, decimals text, bytes base64; numbers stay numbers. */
async function parquetQuery(analytics: Analytics, path: string): Promise<string> {
  const source = `read_parquet(${sqlText(path)})`;
  const columns = await analytics.rows<{ column_name: string; column_type: string }>(
    `describe select * from ${source}`,
  );
  return `select ${columns.map(({ column_name: name, column_type: type }) => `${asJsonValue(sqlName(name), type)} as ${sqlName(name)}`).join(', ')} from ${source}`;
}

function asJsonValue(column: string, type: string): string {
  if (type === 'TIMESTAMP_NS') return `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%nZ')`;
  if (type === 'TIMESTAMP WITH TIME ZONE')
    return `strftime(${column} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (type.startsWith('TIMESTAMP'))
    return `strftime(${column}::timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')`;
  if (type.startsWith('DECIMAL')) return `${column}::varchar`;
  if (type === 'BLOB') return `to_base64(${column})`;
  return column;
}

/**
 * A column is a number only when every value survives as one: no leading zeros, no more digits than a double keeps.
 * A bare empty field is null, a quoted one is empty text.
 */
async function csvQuery(analytics: Analytics, path: string): Promise<string> {
  const source = `read_csv(${sqlText(path)}, header = true, all_varchar = true, allow_quoted_nulls = false, strict_mode = true)`;
  const columns = await analytics.rows<{ column_name: string }>(`describe select * from ${source}`);
  const names = columns.map(({ column_name: name }) => name);
  const [kinds] = await analytics.rows<Record<string, boolean | null>>(
    `select ${names
      .flatMap((name, index) => [
        `bool_and(regexp_full_match(${sqlName(name)}, '-?(0|[1-9][0-9]{0,17})')) as "i${index}"`,
        `bool_and(regexp_full_match(${sqlName(name)}, '-?(0|[1-9][0-9]*)(\\.[0-9]+)?') and length(replace(${sqlName(name)}, '.', '')) <= 15) as "d${index}"`,
      ])
      .join(', ')} from ${source}`,
  );
  const typed = names.map((name, index) => {
    if (kinds?.[`i${index}`] === true) return `${sqlName(name)}::bigint as ${sqlName(name)}`;
    if (kinds?.[`d${index}`] === true) return `${sqlName(name)}::double as ${sqlName(name)}`;
    return sqlName(name);
  });
  return `select ${typed.join(', ')} from ${source}`;
}
