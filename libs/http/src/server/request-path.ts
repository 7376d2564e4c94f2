import { invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';

/** The path of a request target as sent: without query, fragment, and the origin of an absolute form. */
export function pathOf(target: string): string {
  const path = target.startsWith('/')
    ? target
    : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

export function queryOf(target: string): string {
  const start = target.indexOf('?');
  return start < 0 ? '' : target.slice(start + 1);
}

/** What `*` stands for in `path`, still encoded; `pattern` ends in `/*`. */
export function wildcardOf(path: string, pattern: string): string {
  let at = 0;
  for (let slashes = pattern.split('/').length - 1; slashes > 0; slashes--)
    at = path.indexOf('/', at) + 1;
  return path.slice(at);
}

/** Percent-decodes a path exactly once; `invalid_argument` for bad encodings and NUL. */
export function decodePath(path: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw invalid('path', 'must be valid percent-encoded UTF-8');
  }
  if (decoded.includes('\0')) throw invalid('path', 'must not contain NUL');
  return decoded;
}

/** The longest path parameter that is routed, in characters. */
export const MAX_PARAM_LENGTH = 1024;

export function checkParams(params: Readonly<Record<string, string>>): void {
  for (const name in params) {
    const value = params[name] as string;
    if (value.includes('\0')) throw invalid(`params.${name}`, 'must not contain NUL');
    if (value.length > MAX_PARAM_LENGTH) throw paramTooLong();
  }
}

export function paramTooLong(): AppError {
  return invalid('path', `parameters must have at most ${MAX_PARAM_LENGTH} characters`);
}
