import { invalid } from '@flywheel/core';
import type { featureStore, Scalar } from '@flywheel/contracts';
import type { ResolvedView } from '../definitions/resolved-service.ts';

/** The parts of an entity's key, as text, or undefined when one of them is null. */
export type KeyParts = readonly string[];

/**
 * Finds an entity's key in what a caller gives: its key columns, or its name with the joined value (`route`:
 * `ORD-LAX`). A joined value that does not split into as many parts as there are columns is refused.
 */
export function keyParts(
  entity: Pick<featureStore.Entity, 'name' | 'keys' | 'separator'>,
  given: Readonly<Record<string, Scalar>>,
  path: string,
): KeyParts | undefined {
  const columns = entity.keys.map((key) => ownColumn(given, key));
  if (columns.every((value) => value !== undefined))
    return columns.some((value) => value === null)
      ? undefined
      : columns.map((value, index) => partText(value, `${path}.${entity.keys[index] ?? ''}`));
  const joined = ownColumn(given, entity.name);
  if (joined === undefined)
    throw invalid(
      `${path}.${entity.keys[columns.indexOf(undefined)] ?? entity.name}`,
      `is required by entity ${entity.name}`,
    );
  if (joined === null) return undefined;
  const text = partText(joined, `${path}.${entity.name}`);
  const parts = entity.keys.length === 1 ? [text] : text.split(entity.separator);
  if (parts.length !== entity.keys.length)
    throw invalid(
      `${path}.${entity.name}`,
      `must be ${entity.keys.join(entity.separator)}; give the columns where a part holds "${entity.separator}"`,
    );
  return parts;
}

/** What a caller gave under a name, never what every object has under it. */
export function ownColumn(
  given: Readonly<Record<string, Scalar>>,
  name: string,
): Scalar | undefined {
  return Object.hasOwn(given, name) ? given[name] : undefined;
}

function partText(value: Scalar, path: string): string {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw invalid(path, 'must be text: as a JSON number it loses digits');
  return String(value);
}

/**
 * Key in the online store: the view, the digest of its rows (a view of other rows never reads them), and every part
 * behind its length, so that no two entities share bytes.
 */
export function storeKey(
  { view, rowsDigest }: Pick<ResolvedView, 'view' | 'rowsDigest'>,
  parts: KeyParts,
): Uint8Array {
  const encoded = parts.map((part) => Buffer.from(part));
  return Buffer.concat([
    Buffer.from(`${view.name}\0${rowsDigest}`),
    ...encoded.flatMap((part) => [Buffer.from([part.length >> 8, part.length & 0xff]), part]),
  ]);
}
