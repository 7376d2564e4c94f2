import { describe, expect, it } from 'vitest';
import { AppError, type ErrorCode } from '@flywheel/core';
import { type Delivery, type DeliveryPolicy, deliver, waitAfter } from './deliver.ts';

const policy: DeliveryPolicy = {
  retryableAttempts: 4,
  bugAttempts: 3,
  firstWaitMs: 100,
  maxWaitMs: 250,
};

function run(work: (attempt: number, skip: (reason: string) => void) => Promise<void> | void) {
  const waits: number[] = [];
  let attempt = 0;
  const stop = new AbortController();
  const delivery = deliver((skip) => work(++attempt, skip), {
    policy,
    signal: stop.signal,
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    draw: () => 0.5,
    onRetry: () => undefined,
  });
  return { delivery, waits, stop, attempts: () => attempt };
}

describe('deliver', () => {
  const table: {
    throws: ErrorCode | 'TypeError' | 'TimeoutError' | 'AbortError';
    kind: Delivery['kind'];
    attempts: number;
  }[] = [
    { throws: 'unavailable', kind: 'exhausted', attempts: 4 },
    { throws: 'deadline_exceeded', kind: 'exhausted', attempts: 4 },
    { throws: 'resource_exhausted', kind: 'exhausted', attempts: 4 },
    { throws: 'TimeoutError', kind: 'exhausted', attempts: 4 },
    { throws: 'invalid_argument', kind: 'dead', attempts: 1 },
    { throws: 'not_found', kind: 'dead', attempts: 1 },
    { throws: 'conflict', kind: 'dead', attempts: 1 },
    { throws: 'unauthenticated', kind: 'dead', attempts: 1 },
    { throws: 'permission_denied', kind: 'dead', attempts: 1 },
    { throws: 'payload_too_large', kind: 'dead', attempts: 1 },
    { throws: 'internal', kind: 'dead', attempts: 3 },
    { throws: 'TypeError', kind: 'dead', attempts: 3 },
    { throws: 'AbortError', kind: 'dead', attempts: 3 },
  ];

  it.each(table)('$throws ends as $kind after $attempts attempts', async (row) => {
    const { delivery, attempts } = run(() => {
      throw thrownFor(row.throws);
    });

    expect((await delivery).kind).toBe(row.kind);
    expect(attempts()).toBe(row.attempts);
  });

  it('a handler that returns is handled, one that skips is skipped with its reason', async () => {
    expect(await run(() => undefined).delivery).toEqual({ kind: 'handled' });
    expect(await run((_, skip) => skip('too old')).delivery).toEqual({
      kind: 'skipped',
      reason: 'too old',
    });
  });

  it('a retry that succeeds is handled, and a skip of an earlier attempt is forgotten', async () => {
    const { delivery, waits } = run((attempt, skip) => {
      if (attempt === 3) return;
      skip('not yet');
      throw new AppError('unavailable', 'away');
    });

    expect(await delivery).toEqual({ kind: 'handled' });
    expect(waits).toEqual([75, 150]);
  });

  it('waits grow up to the longest', () => {
    expect([1, 2, 3, 4].map((attempt) => waitAfter(attempt, policy, 0))).toEqual([
      50, 100, 125, 125,
    ]);
    expect([1, 2, 3, 4].map((attempt) => waitAfter(attempt, policy, 1))).toEqual([
      100, 200, 250, 250,
    ]);
  });

  it('an abort ends the retries without a verdict', async () => {
    const running = run(() => {
      running.stop.abort();
      throw new AppError('unavailable', 'away');
    });

    expect(await running.delivery).toEqual({ kind: 'cancelled' });
  });
});

function thrownFor(what: ErrorCode | 'TypeError' | 'TimeoutError' | 'AbortError'): Error {
  if (what === 'TypeError') return new TypeError('x is not a function');
  if (what === 'TimeoutError' || what === 'AbortError')
    return Object.assign(new Error(what), { name: what });
  return new AppError(what, 'on purpose');
}
