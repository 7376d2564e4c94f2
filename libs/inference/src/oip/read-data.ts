import { invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';
import type { JsonScanner } from '../json/json-scanner.ts';
import { newArray } from '../tensors/datatype.ts';
import type { DataByDatatype, Datatype } from '../tensors/datatype.ts';
import { elementRules, readElement } from './read-element.ts';
import type { Elements } from './read-element.ts';

type Place = {
  readonly field: string;
  readonly shape: readonly number[];
  /** How many elements the shape means; what is read is as long. */
  readonly count: number;
};

/**
 * Reads a JSON array, flat or nested to the shape, as the tensor's row-major data. The caller has made sure that
 * `count` elements could stand in the text that is left, so what is allocated is bounded by what was sent.
 */
export function readData<D extends Exclude<Datatype, 'FP16'>>(
  scanner: JsonScanner,
  datatype: D,
  place: Place,
): DataByDatatype[D] {
  scanner.demand(0x5b, place.field, 'must be an array');
  const data: Elements = datatype === 'BYTES' ? [] : newArray(datatype, place.count);
  const start = scanner.at;
  scanner.at += 1;
  const isNested = scanner.peek() === 0x5b;
  scanner.at = start;
  if (!isNested) readFlat(scanner, datatype, data, place);
  else if (place.shape.length === 0)
    throw invalid(place.field, 'must hold one element, as the shape [] says');
  else readNested(scanner, datatype, data, { place, level: 0, path: place.field, leaf: 0 });
  return data as DataByDatatype[D];
}

function readFlat(
  scanner: JsonScanner,
  datatype: Exclude<Datatype, 'FP16'>,
  data: Elements,
  place: Place,
): void {
  const { count } = place;
  const read = readElement[datatype];
  let index = 0;
  scanner.at += 1;
  if (!scanner.take(0x5d)) {
    do {
      if (index === count) throw countError(place);
      if (!read(scanner, data, index))
        throw invalid(`${place.field}[${index}]`, elementRules[datatype]);
      index += 1;
    } while (scanner.take(0x2c));
    if (!scanner.take(0x5d)) throw scanner.syntaxError();
  }
  if (index !== count) throw countError(place);
}

type Level = {
  readonly place: Place;
  readonly level: number;
  readonly path: string;
  /** The row-major index of the first element at this level. */
  readonly leaf: number;
};

/** Reads one level; gives the row-major index after it. */
function readNested(
  scanner: JsonScanner,
  datatype: Exclude<Datatype, 'FP16'>,
  data: Elements,
  { place, level, path, leaf }: Level,
): number {
  const length = place.shape[level] as number;
  if (scanner.peek() !== 0x5b) throw levelError(place, path, length);
  const isLast = level === place.shape.length - 1;
  const read = readElement[datatype];
  let next = leaf;
  let count = 0;
  scanner.array((index) => {
    if (index === length) throw levelError(place, path, length);
    count = index + 1;
    if (!isLast)
      next = readNested(scanner, datatype, data, {
        place,
        level: level + 1,
        path: `${path}[${index}]`,
        leaf: next,
      });
    else if (read(scanner, data, next)) next += 1;
    else throw invalid(`${path}[${index}]`, elementRules[datatype]);
  });
  if (count !== length) throw levelError(place, path, length);
  return next;
}

function levelError({ shape }: Place, path: string, length: number): AppError {
  return invalid(path, `must be an array of ${length}, as the shape ${JSON.stringify(shape)} says`);
}

function countError({ field, shape, count }: Place): AppError {
  return invalid(field, `must hold ${count} elements, as the shape ${JSON.stringify(shape)} says`);
}
