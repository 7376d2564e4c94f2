import { describe, expect, it } from 'vitest';
import { AppError, errorTable, invalid, toAppError } from './errors.ts';

describe('AppError', () => {
  it('takes status and retry from the table', () => {
    const error = new AppError('unavailable', 'store did not answer', { details: { key: 'k' } });

    expect(error).toMatchObject({
      status: 503,
      retryable: true,
      code: 'unavailable',
      details: { key: 'k' },
    });
  });

  it('keeps the cause', () => {
    const cause = new Error('socket closed');

    expect(new AppError('internal', 'broken', { cause }).cause).toBe(cause);
  });

  it('names field and rule for a mistake of the caller', () => {
    expect(invalid('inputs[0].shape', 'must be positive')).toMatchObject({
      status: 400,
      message: 'inputs[0].shape: must be positive',
      details: { field: 'inputs[0].shape', rule: 'must be positive' },
    });
  });

  it.each(Object.entries(errorTable))('gives %s a status between 400 and 599', (_code, row) => {
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
  });
});

describe('toAppError', () => {
  it('passes an AppError through', () => {
    const error = new AppError('conflict', 'stale');

    expect(toAppError(error)).toBe(error);
  });

  it('maps time-outs, aborts and everything else', () => {
    expect(
      toAppError(AbortSignal.timeout(0).reason ?? new DOMException('', 'TimeoutError')).code,
    ).toBe('deadline_exceeded');
    expect(toAppError(new DOMException('', 'AbortError')).code).toBe('cancelled');
    expect(toAppError(new TypeError('bug')).code).toBe('internal');
    expect(toAppError('a string').code).toBe('internal');
  });
});
