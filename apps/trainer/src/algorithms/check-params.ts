import { invalid } from '@flywheel/core';

/** Refuses names an algorithm does not know: a misspelt parameter must not silently mean its default. */
export function refuseUnknownParams(given: object, known: readonly string[]): void {
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw invalid(`params.${name}`, 'is not a parameter', { known });
}

/** Leaves out members that are undefined, so that defaults can fill them. */
export function withoutUndefined<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T;
}
