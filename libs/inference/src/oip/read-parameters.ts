import { invalid } from '@flywheel/core';
import type { JsonScanner } from '../json/json-scanner.ts';
import { noParameters } from '../tensors/tensor.ts';
import type { Parameters, ParameterValue } from '../tensors/tensor.ts';

/** An object of strings, numbers and booleans; integers beyond 2^53 stay exact. `null` counts as absent. */
export function readParameters(scanner: JsonScanner, field: string): Parameters {
  if (scanner.isNull()) {
    scanner.null();
    return noParameters;
  }
  const parameters = Object.create(null) as Record<string, ParameterValue>;
  scanner.demand(0x7b, field, 'must be an object');
  scanner.object((key) => {
    const path = `${field}.${key}`;
    if (key in parameters) throw invalid(path, 'must be given once');
    const code = scanner.peek();
    if (code === 0x7b || code === 0x5b || code === 0x6e)
      throw invalid(path, 'must be a string, a number or a boolean');
    parameters[key] = scanner.value(path) as ParameterValue;
  });
  return parameters;
}

/** A parameter that must be a boolean when it is given. */
export function booleanParameter(
  parameters: Parameters,
  key: string,
  field: string,
): boolean | undefined {
  const value = parameters[key];
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`${field}.${key}`, 'must be true or false');
}

export function withoutParameter(parameters: Parameters, key: string): Parameters {
  if (!(key in parameters)) return parameters;
  const rest = Object.create(null) as Record<string, ParameterValue>;
  for (const [name, value] of Object.entries(parameters)) if (name !== key) rest[name] = value;
  return rest;
}
