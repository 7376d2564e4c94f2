import type { AppError } from '@flywheel/core';
import { refused } from './mlflow-errors.ts';

/** Whatever decodes it later, a path that climbs is never followed. */
export function isPlainPath(path: string): boolean {
  return (
    !/%(?:2e|2f|5c|23|3f)|[\\#?]|\p{Cc}/iu.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** A source of another store may say anything but a path that climbs. */
export function checkElsewhere(source: string): void {
  if (/(?:^|[/\\])\.\.?(?:[/\\?#]|$)/.test(source) || /%(?:2e|2f|5c|23)/i.test(source))
    throw absolutePathNeeded(source);
  if (source.length > 4096)
    throw refused('Model version source exceeds 4096 characters.', 'source');
}

export function localPath(source: string): AppError {
  return invalidSource(
    source,
    'To use a local path as a model version source, the files have to be logged to the run first: the server cannot see the paths of its clients.',
  );
}

export function absolutePathNeeded(source: string): AppError {
  return invalidSource(
    source,
    'If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present.',
  );
}

function invalidSource(source: string, why: string): AppError {
  return refused(`Invalid model version source: '${source.slice(0, 500)}'. ${why}`, 'source');
}
