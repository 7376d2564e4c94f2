import { invalid } from '@flywheel/core';

export const headerLengthName = 'Inference-Header-Content-Length';

/** The value of the header Inference-Header-Content-Length; absent means that the whole body is JSON. */
export function parseHeaderLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value.trim())) throw invalid(headerLengthName, 'must be a count of bytes');
  return Number(value);
}
