import { refused } from './mlflow-errors.ts';
import type { Pair } from './parameters.ts';

const MODEL_NAME = 256;
const TAG_KEY = 250;
const TAG_VALUE = 100_000;
const ALIAS = 255;
const DESCRIPTION = 5000;

/** Python counts code points, so do the limits of its clients. */
function lengthOf(text: string): number {
  return text.length <= 200 ? text.length : Array.from(text).length;
}

/** A name stands in `models:/<name>/<version>`, so that it holds no `/` and no `:`. */
export function checkModelName(name: string, field = 'name'): string {
  if (name.trim() === '') throw refused('Registered model name cannot be empty.', field);
  if (/[/:]/.test(name) || name === '.' || name === '..')
    throw refused(
      `Invalid Registered model name: '${name}'. Registered model name cannot be '.' or '..' and cannot contain '/' or ':'.`,
      field,
    );
  if (lengthOf(name) > MODEL_NAME)
    throw refused(`Registered model name exceeds the limit of ${MODEL_NAME} characters.`, field);
  return name;
}

export function checkTag({ key, value }: Pair): Pair {
  checkTagKey(key);
  if (lengthOf(value) > TAG_VALUE)
    throw refused(`Tag value of '${key}' exceeds the limit of ${TAG_VALUE} characters`, 'value');
  return { key, value };
}

export function checkTagKey(key: string): string {
  if (lengthOf(key) > TAG_KEY)
    throw refused(
      `Tag key '${key.slice(0, 50)}…' exceeds the limit of ${TAG_KEY} characters`,
      'key',
    );
  if (!/^[\p{L}\p{N}_\-./: ]+$/u.test(key) || isAwkwardPath(key))
    throw refused(
      `Invalid tag name: '${key}'. Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colons (:) and slashes (/).`,
      'key',
    );
  return key;
}

export function checkAlias(alias: string): string {
  if (lengthOf(alias) > ALIAS)
    throw refused(`Registered model alias exceeds the limit of ${ALIAS} characters.`, 'alias');
  if (!/^[\p{L}\p{N}_-]+$/u.test(alias))
    throw refused(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_) and dashes (-).`,
      'alias',
    );
  if (alias.toLowerCase() === 'latest')
    throw refused("'latest' alias name (case insensitive) is reserved.", 'alias');
  if (/^v\d+$/i.test(alias)) throw refused(`Version alias name '${alias}' is reserved.`, 'alias');
  return alias;
}

export function checkDescription(description: string | undefined): string | undefined {
  if (description !== undefined && lengthOf(description) > DESCRIPTION)
    throw refused(`Description exceeds the limit of ${DESCRIPTION} characters.`, 'description');
  return description;
}

/** Keys are paths to some clients: what a path would change by being normalised is refused. */
function isAwkwardPath(key: string): boolean {
  return (
    key.startsWith('/') ||
    key.split('/').some((part) => part === '' || part === '.' || part === '..')
  );
}
