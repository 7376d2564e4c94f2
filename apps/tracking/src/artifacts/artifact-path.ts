import { decodePath } from '@flywheel/http';
import { AppError } from '@flywheel/core';
import { refused } from '../wire/mlflow-errors.ts';

/**
 * A path of an artifact: decoded exactly once, so that a file whose name is `a%20b` keeps it. What leads out of its
 * folder, or is no path of a file at all, is refused in MLflow's words.
 */
export function artifactPath(encoded: string): string {
  let path: string;
  try {
    path = decodePath(encoded);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_argument') throw invalidPath();
    throw error;
  }
  return checkArtifactPath(path);
}

/** The same for a path that came decoded; empty for the root. */
export function checkArtifactPath(path: string): string {
  if (path === '') return path;
  const parts = path.split('/');
  const isBad = parts.some(
    (part) => part === '' || part === '.' || part === '..' || isBackwards(part),
  );
  // a drive letter makes a path absolute where there are drives
  if (isBad || /^[a-z]:/i.test(path)) throw invalidPath();
  return path;
}

/** A folder may be written with a slash at its end. */
export function folderPath(path: string): string {
  return checkArtifactPath(path.replace(/\/+$/, ''));
}

function isBackwards(part: string): boolean {
  return part.split('\\').some((piece) => piece === '..');
}

function invalidPath() {
  return refused('Invalid path', 'path');
}
