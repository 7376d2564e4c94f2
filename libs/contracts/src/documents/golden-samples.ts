import { readFileSync, readdirSync } from 'node:fs';

/** An event's data as some version once wrote it. Samples are written once and never changed. */
export type GoldenSample = {
  readonly file: string;
  readonly type: string;
  readonly version: number;
  /** What the sample shows where a type has several: `view`, `refused`. */
  readonly shows: string | undefined;
  readonly data: unknown;
};

const folder = new URL('../../golden/', import.meta.url);
const pattern =
  /^(?<type>[a-z-]+\.[a-z-]+)\.v(?<version>[1-9][0-9]*)(?:\.(?<shows>[a-z-]+))?\.json$/;

/** Every sample of `golden/`, by file name. */
export function goldenSamples(): readonly GoldenSample[] {
  return readdirSync(folder).sort().map(read);
}

function read(file: string): GoldenSample {
  const { type, version, shows } = pattern.exec(file)?.groups ?? {};
  if (type === undefined || version === undefined)
    throw new Error(`${file} is not named <type>.v<version>[.<what it shows>].json`);
  const data = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as unknown;
  return { file, type, version: Number(version), shows, data };
}
