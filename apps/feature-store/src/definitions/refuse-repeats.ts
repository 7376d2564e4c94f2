import { invalid } from '@flywheel/core';
import type { featureStore } from '@flywheel/contracts';
import { featureNames } from './resolved-service.ts';
import type { ResolvedView } from './resolved-service.ts';

/** Names that a file keeps apart differ in more than case. */
export function refuseRepeats(names: readonly string[], field: string, member = ''): void {
  const columns = new Columns();
  for (const [index, name] of names.entries()) columns.take(name, `${field}[${index}]${member}`);
}

/** A training set has one column for each of these. */
export function refuseSameColumns(
  { onDemand }: featureStore.FeatureService,
  views: readonly ResolvedView[],
): void {
  const columns = new Columns(['prediction_time', 'label', 'known_at']);
  const entities = new Set<string>();
  for (const [index, resolved] of views.entries()) {
    const { name } = resolved.entity;
    if (!entities.has(name)) columns.take(name, `views[${index}]`);
    entities.add(name);
    for (const feature of featureNames(resolved)) columns.take(feature, `views[${index}]`);
  }
  for (const [index, { feature }] of onDemand.entries())
    columns.take(feature, `onDemand[${index}].feature`);
}

class Columns {
  readonly #taken: Set<string>;

  constructor(taken: readonly string[] = []) {
    this.#taken = new Set(taken);
  }

  take(name: string, field: string): void {
    const column = name.toLowerCase();
    if (this.#taken.has(column)) throw invalid(field, `"${name}" is there twice`);
    this.#taken.add(column);
  }
}
