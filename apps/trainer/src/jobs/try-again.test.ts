import { AppError, silentLogger } from '@flywheel/core';
import type { ErrorCode } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { tryAgain } from './try-again.ts';

const running = new AbortController().signal;
const away = new AppError('unavailable', 'away');

/** Work that fails with each of the errors in turn, then gives the number of its tries. */
function failing(errors: readonly Error[]): () => Promise<number> {
  let tries = 0;
  return () => {
    const error = errors[tries++];
    return error ? Promise.reject(error) : Promise.resolve(tries);
  };
}

describe('what may pass is tried again', () => {
  it.each<ErrorCode>(['unavailable', 'deadline_exceeded'])(
    'after %s, with a warning each time',
    async (code) => {
      const warnings: object[] = [];
      const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
      const error = new AppError(code, 'not now');

      const tries = await tryAgain(failing([error, error]), {
        waitsMs: [0, 0, 0],
        signal: running,
        log,
      });

      expect(tries).toBe(3);
      expect(warnings).toEqual([
        { err: error, waitMs: 0 },
        { err: error, waitMs: 0 },
      ]);
    },
  );

  it('as often as there are waits', async () => {
    const last = new AppError('unavailable', 'the last one');
    const retries = { waitsMs: [0, 0], signal: running, log: silentLogger };

    await expect(tryAgain(failing([away, away, last]), retries)).rejects.toBe(last);
  });

  it.each([
    new AppError('resource_exhausted', 'full'),
    new AppError('invalid_argument', 'wrong'),
    new Error('a bug'),
  ])('but not: $message', async (error) => {
    const retries = { waitsMs: [0], signal: running, log: silentLogger };

    await expect(tryAgain(failing([error]), retries)).rejects.toBe(error);
  });

  it('until the signal, which ends the wait at once with its reason', async () => {
    const cancel = new AbortController();
    const reason = new AppError('cancelled', 'cancelled');
    const trying = tryAgain(failing([away]), {
      waitsMs: [2 ** 30],
      signal: cancel.signal,
      log: { ...silentLogger, warn: () => queueMicrotask(() => cancel.abort(reason)) },
    });

    await expect(trying).rejects.toBe(reason);
  });

  it('not at all once the signal is there', async () => {
    const retries = { waitsMs: [0], signal: AbortSignal.abort(away), log: silentLogger };

    await expect(tryAgain(failing([new AppError('unavailable', 'x')]), retries)).rejects.toBe(away);
  });
});
