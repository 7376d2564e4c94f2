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
  const columns = entity.keys.map((key) => given[key]);
  if (columns.every((value) => value !== undefined))
    return columns.some((value) => value === null) ? undefined : columns.map(String);
  const joined = given[entity.name];
  if (joined === undefined)
    throw invalid(
      `${path}.${entity.keys.find((key) => given[key] === undefined) ?? entity.name}`,
      `is required by entity ${entity.name}`,
    );
  if (joined === null) return undefined;
  const parts =
    entity.keys.length === 1 ? [String(joined)] : String(joined).split(entity.separator);
  if (parts.length !== entity.keys.length)
    throw invalid(
      `${path}.${entity.name}`,
      `must be ${entity.keys.join(entity.separator)}; give the columns where a part holds "${entity.separator}"`,
    );
  return parts;
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
