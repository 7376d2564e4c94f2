import { breakingChanges } from '../evolution/breaking-changes.ts';
import type { JsonSchema } from '../evolution/schema-node.ts';
import { jsonText } from './documents.ts';

export type WritePlan = {
  /** Text by path, of what differs from what is checked in. */
  readonly writes: ReadonlyMap<string, string>;
  /** Why a schema must not be written: it breaks the one that is checked in for the same version. */
  readonly refusals: readonly string[];
};

/** What is to be written so that the checked-in schemas are those in force; `checkedIn` gives a file's text, if there is one. */
export function planSchemaWrites(
  schemas: Iterable<readonly [string, Record<string, unknown>]>,
  checkedIn: (path: string) => string | undefined,
): WritePlan {
  const writes = new Map<string, string>();
  const refusals: string[] = [];
  for (const [path, schema] of schemas) {
    const before = checkedIn(path);
    const problems =
      before === undefined ? [] : breakingChanges(JSON.parse(before) as JsonSchema, schema);
    refusals.push(...problems.map((problem) => `${path}: ${problem}`));
    if (problems.length === 0 && before !== jsonText(schema)) writes.set(path, jsonText(schema));
  }
  return { writes, refusals };
}
